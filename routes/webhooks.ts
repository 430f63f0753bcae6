/**
 * Webhooks of a site.
 *
 * @module
 */
import { Hono } from "hono";
import { grants } from "../lib/api_key.ts";
import { etagOf } from "../lib/etag.ts";
import { decodeBody } from "../lib/event.ts";
import { showDelivery } from "../lib/history.ts";
import { recover } from "../lib/recover.ts";
import { remedyFor } from "../lib/remedy.ts";
import type { ShownWebhook } from "../lib/shown_webhook.ts";
import { encodeSiteId } from "../lib/site_id.ts";
import { rotateSecret } from "../lib/rotate_secret.ts";
import { testWebhook } from "../lib/try_out.ts";
import {
  createWebhook,
  deleteWebhook,
  findWebhook,
  patchWebhook,
  presentWebhook,
  presentWebhooks,
  webhookNotFound,
  type WebhookPorts,
  type WebhookTarget,
} from "../lib/webhooks.ts";
import { readJson } from "./body.ts";
import {
  actorOf,
  type Env,
  identified,
  permittedForSite,
  type RouteContext,
  type RoutePorts,
  shown,
} from "./context.ts";

const PATCH_TYPES = ["application/json", "application/merge-patch+json"];

/** @throws {AppError} `not_found` for what is no webhook's id: storage is not asked for a key of any length. */
function target(context: RouteContext): WebhookTarget {
  const webhook_id = context.req.param("webhook_id") ?? "";
  if (!/^wh_[0-9A-Z]{26}$/.test(webhook_id)) throw webhookNotFound();
  return { site_id: context.get("site_id"), webhook_id, if_match: context.req.header("If-Match") ?? null };
}

/** A webhook as the answer, under the tag by which its caller can change what they have seen. */
function tagged(context: RouteContext, webhook: ShownWebhook, status: 200 | 201 = 200) {
  context.header("ETag", etagOf({ updated_at: Date.parse(webhook.updated_at) }));
  return shown(context, webhook, status);
}

/** Whether the caller may see whole URLs: they are credentials. */
function seesAll(context: RouteContext): boolean {
  return grants(context.get("caller").scope, "manage");
}

/**
 * The routes of this resource.
 *
 * @param ports What they need.
 * @returns Everything under `/v1/sites/{site_id}/webhooks`.
 */
export function webhookRoutes(ports: RoutePorts): Hono<Env> {
  const { webhooks } = ports;
  const by = (context: RouteContext): WebhookPorts => ({ ...webhooks, actor: actorOf(context) });
  const path = "/v1/sites/:site_id/webhooks";
  const one = `${path}/:webhook_id`;
  const known = identified(ports);
  const read = permittedForSite("read");
  const manage = permittedForSite("manage");

  return new Hono<Env>()
    .get(path, known, read, async (context) => {
      const data = await presentWebhooks(context.get("site_id"), seesAll(context), webhooks);
      return shown(context, { data });
    })
    .post(path, known, manage, async (context) => {
      const site_id = context.get("site_id");
      const created = await createWebhook(site_id, await readJson(context), by(context));
      const name = context.get("names").nameOf(site_id);
      context.header("Location", `/v1/sites/${encodeSiteId(name)}/webhooks/${created.id}`);
      return tagged(context, created, 201);
    })
    .get(one, known, read, async (context) => {
      const { site_id, webhook_id } = target(context);
      const webhook = await findWebhook(site_id, webhook_id, webhooks.store);
      return tagged(context, await presentWebhook(webhook, seesAll(context), webhooks));
    })
    .patch(one, known, manage, async (context) => {
      const patch = await readJson(context, { media_types: PATCH_TYPES });
      const webhook = await patchWebhook(target(context), patch, by(context));
      return tagged(context, await presentWebhook(webhook, true, webhooks));
    })
    .delete(one, known, manage, async (context) => {
      await deleteWebhook(target(context), by(context));
      return context.body(null, 204);
    })
    .post(`${one}/rotate-secret`, known, manage, async (context) => {
      const input = await readJson(context, { optional: true });
      return tagged(context, await rotateSecret(target(context), input, by(context)));
    })
    .post(`${one}/recover`, known, manage, async (context) => {
      const input = await readJson(context);
      const { history: { store }, clock } = ports;
      const actor = actorOf(context);
      return context.json(await recover(target(context), input, { store, clock, actor }), 202);
    })
    .post(`${one}/test`, known, manage, async (context) => {
      const input = await readJson(context, { optional: true });
      const { delivery, body, webhook } = await testWebhook(target(context), input, webhooks);
      const [attempt] = delivery.attempts;
      const remedy = attempt === undefined ? null : remedyFor(attempt, webhook);
      return shown(context, { ...showDelivery(delivery, null), payload: decodeBody(body), remedy });
    });
}
