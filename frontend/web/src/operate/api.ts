/** The server's admin interface, as far as the operator's page needs it. */

import { ApiError, ask, type Model, request } from "../server/api";
import { words } from "../words";
import {
  type Change,
  changes,
  type Failures,
  failures,
  type Outcome,
  outcomes,
  samples,
  shareWithin,
  total,
} from "./metrics";

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

/** A Triton, with what each of its models does there. */
export interface Server {
  readonly name: string;
  readonly addr: string;
  readonly draining: boolean;
  readonly models: Readonly<Record<string, { readonly state: string }>>;
}

/** A version of a model while it is compared with another one. */
export interface Version {
  readonly model: string;
  readonly requests: number;
  readonly errors: number;
  readonly median_ms: number | null;
}

export interface Update {
  readonly name: string;
  readonly state: "loading" | "trial" | "promoted" | "rolled back";
  /** Of one that is over; empty before. */
  readonly why: string;
  /** Of the conversations that begin, 0 to 1. */
  readonly canary: number;
  /** Else another frontend of the same registry decides, and the figures are this one's alone. */
  readonly decided_here: boolean;
  readonly old: Version;
  readonly new: Version;
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
  /** In the order in which they began. */
  readonly updates: readonly Update[];
  readonly failures: readonly Failures[];
  /** Of all answers, 0 to 1. */
  readonly withinASecond: number | null;
  readonly changes: readonly Change[];
  /** Loads that wait for their turn. */
  readonly waiting: number;
  readonly leases: number;
  /** What routing chose. */
  readonly routes: readonly Outcome[];
  /** What failed clauses and utterances went on with. */
  readonly failovers: readonly Outcome[];
  /** When it was asked for, in milliseconds since 1970. */
  readonly at: number;
}

export async function overview(): Promise<Overview> {
  const [status, { sessions }, { models }, { servers }, { updates }, metrics] = await Promise.all([
    ask<Status>("vdx/status"),
    ask<{ sessions: Session[] }>("vdx/sessions"),
    ask<{ models: ModelLine[] }>("vdx/models"),
    ask<{ servers: Server[] }>("vdx/servers"),
    ask<{ updates: Update[] }>("vdx/updates"),
    request("metrics").then((answer) => answer.text()),
  ]);
  const all = samples(metrics);
  const told = {
    failures: failures(all),
    withinASecond: shareWithin(all, "1.0"),
    changes: changes(all),
    waiting: total(all, "vdx_model_loads_waiting"),
    leases: total(all, "vdx_model_leases"),
    routes: outcomes(all, "vdx_routes_total"),
    failovers: outcomes(all, "vdx_failovers_total"),
  };
  return { status, sessions, models, servers, updates, ...told, at: Date.now() };
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

/** Sends no conversation to a server any more, or again. */
export const drainServer = (name: string, off: boolean): Promise<unknown> =>
  ask(`vdx/servers/${encodeURIComponent(name)}/drain${off ? "?off=true" : ""}`, "POST");

/** Begins to replace a model; `percent` of the conversations that begin get the new one. */
export function beginUpdate(
  model: string,
  source: string,
  percent: number,
  holdSeconds: number,
): Promise<unknown> {
  const canary = String(percent / 100);
  const query = new URLSearchParams({ source, canary, hold_seconds: String(holdSeconds) });
  return ask(`vdx/models/${encodeURIComponent(model)}/update?${query}`, "POST");
}

export const cancelUpdate = (model: string): Promise<unknown> =>
  ask(`vdx/models/${encodeURIComponent(model)}/update/cancel`, "POST");

/** The models that can be replaced while people talk: loaded voices and recognisers. */
export const replaceable = (models: readonly ModelLine[]): readonly ModelLine[] =>
  models.filter(({ kind, state }) => state === "READY" && (kind === "tts" || kind === "asr"));

/** What could take the place of a model: others of its kind, and those of which no kind is known. */
export function replacements(models: readonly ModelLine[], name: string): readonly ModelLine[] {
  const kind = models.find((model) => model.name === name)?.kind;
  return models.filter((model) => model.name !== name && (!model.kind || model.kind === kind));
}
