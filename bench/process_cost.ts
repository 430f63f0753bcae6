/**
 * What a process costs, seen from outside: CPU and memory.
 *
 * Owns the reading of /proc. Where there is none (macOS), it says so by null and never guesses.
 *
 * @module
 */

/** Ticks of the kernel's accounting a second: fixed for programs on Linux. */
const TICKS_PER_S = 100;

/**
 * CPU time so far, of all threads, in the kernel too.
 *
 * @param pid Of which process.
 * @returns Seconds; null where the system does not tell.
 */
export async function cpuSeconds(pid: number): Promise<number | null> {
  const text = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "");
  // The name in parentheses may hold anything; what follows it has a fixed order, user and system time at 12 and 13.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  return Number.isNaN(ticks) ? null : ticks / TICKS_PER_S;
}

/** Resident memory of a process in MiB. */
export interface Memory {
  readonly now_mib: number;
  /** Since it started, or since {@linkcode forgetPeak}. */
  readonly peak_mib: number;
}

/**
 * Memory of a process.
 *
 * @param pid Of which.
 * @returns It; null where the system does not tell.
 */
export async function memoryOf(pid: number): Promise<Memory | null> {
  const text = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
  const mib = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1]) / 1024;
  const memory = { now_mib: mib("VmRSS"), peak_mib: mib("VmHWM") };
  return Number.isNaN(memory.now_mib + memory.peak_mib) ? null : memory;
}

/**
 * Has the peak begin anew.
 *
 * @param pid Of which process.
 */
export async function forgetPeak(pid: number): Promise<void> {
  await Deno.writeTextFile(`/proc/${pid}/clear_refs`, "5").catch(() => {});
}
