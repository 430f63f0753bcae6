/**
 * How records that an earlier release wrote become what this one reads: one step from each version to the next.
 *
 * Owns the forms that records once had. A step that was released is never changed and never removed: a file may be as old
 * as it likes. It must never read a clock or the database, nor know a schema of today, which the next step may change.
 *
 * @module
 */
import { isJsonObject } from "../lib/merge_patch.ts";

/** A record's JSON, whatever its form. */
export type Json = Readonly<Record<string, unknown>>;

/** Makes of a record of one version the same of the next. */
export type Migration = (json: Json) => Json;

/** The version of a kind of record that has come so far: the first had none before it. */
export function versionAfter(migrations: readonly Migration[]): number {
  return migrations.length + 1;
}

/** Brings a record to today's form. It is written so when it is next written; what is never written again stays old. */
export function migrated(json: unknown, missed: readonly Migration[]): unknown {
  return isJsonObject(json) ? missed.reduce<Json>((record, step) => step(record), json) : json;
}

/**
 * The database as a whole: raised by whatever an earlier release must not be started on, which is every new step below and
 * every change of what keys mean. A file without a format is of the first.
 *
 * 2: deliveries and lanes of their second version.
 * 3: deliveries that nothing has happened to yet have no record; due entries and events of their second version.
 * 4: those that a process holds have no due entry either, but a group lease; events and deliveries of their third version.
 * 5: several entries of a list are one record.
 */
export const DATABASE_FORMAT = 5;

/**
 * 2: deliveries can be redelivered. What was written between had both fields already and called itself the first.
 * 3: what is usual is left out.
 */
export const DELIVERY_MIGRATIONS: readonly Migration[] = [
  (json) => ({ wishes: 0, scheduled_at: null, ...json }),
  (json) => json,
];

/** 2: lanes have a breaker, and remember since when they only fail; written between as deliveries were. */
export const LANE_MIGRATIONS: readonly Migration[] = [
  (json) => ({ failing_since: null, breaker: { failures: 0, openings: 0, open_until: null }, ...json }),
];

/** 2: an entry may stand for a delivery without a record. Before, every delivery had one. */
export const DUE_MIGRATIONS: readonly Migration[] = [(json) => ({ ...json, unwritten: null })];

/**
 * 2: an event may say when such entries are. What it says nothing about has records.
 * 3: an event may say who holds those that have no entry.
 */
export const EVENT_MIGRATIONS: readonly Migration[] = [(json) => json, (json) => json];
