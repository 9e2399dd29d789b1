/** The server's admin interface, as far as the operator's page needs it. */

import { ApiError, ask, type Model, request } from "../server/api";
import { words } from "../words";
import { type Failures, failures, samples, shareWithin } from "./metrics";

export interface Session {
  readonly id: string;
  readonly state: string;
  readonly profile: string;
  readonly voice: string;
  readonly recogniser: string;
  readonly messages: number;
  readonly gap_ms: number | null;
}

export interface ModelLine extends Model {
  readonly phase?: string;
  readonly leases?: number;
  readonly memory_mb?: number;
  readonly why?: string;
  readonly reason: string;
}

export interface Server {
  readonly name: string;
  readonly address?: string;
}

export interface Status {
  readonly ready: boolean;
  readonly sessions: number;
  readonly max_sessions: number;
  readonly tasks: number;
}

/** All that the page shows, asked for together. */
export interface Overview {
  readonly status: Status;
  readonly sessions: readonly Session[];
  readonly models: readonly ModelLine[];
  readonly servers: readonly Server[];
  readonly failures: readonly Failures[];
  /** Of all answers, 0 to 1. */
  readonly withinASecond: number | null;
  /** When it was asked for, in milliseconds since 1970. */
  readonly at: number;
}

export async function overview(): Promise<Overview> {
  const [status, { sessions }, { models }, { servers }, metrics] = await Promise.all([
    ask<Status>("vdx/status"),
    ask<{ sessions: Session[] }>("vdx/sessions"),
    ask<{ models: ModelLine[] }>("vdx/models"),
    ask<{ servers: Server[] }>("vdx/servers"),
    request("metrics").then((answer) => answer.text()),
  ]);
  const all = samples(metrics);
  const told = { failures: failures(all), withinASecond: shareWithin(all, "1.0") };
  return { status, sessions, models, servers, ...told, at: Date.now() };
}

/** What to show of a failure; another key is asked for too where the given one may not. */
export function troubleOf(error: unknown): { needsKey: boolean; problem: string } {
  if (!(error instanceof ApiError)) return { needsKey: false, problem: words().operate.gone };
  if (error.status === 401) return { needsKey: true, problem: "" };
  return { needsKey: error.status === 403, problem: error.message };
}

export const endSession = (id: string): Promise<unknown> =>
  ask(`vdx/sessions/${encodeURIComponent(id)}/end`, "POST");

export type ModelAction = "load" | "reload" | "drain" | "unload";

/** To drain a model is to unload it once the last session that uses it has ended. */
export function act(model: string, action: ModelAction): Promise<unknown> {
  const path = action === "drain" ? "unload?when_free=true" : action;
  return ask(`vdx/models/${encodeURIComponent(model)}/${path}`, "POST");
}
