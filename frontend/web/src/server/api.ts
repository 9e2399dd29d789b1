/** The server's HTTP interface, as far as the page needs it. */

export interface Model {
  readonly name: string;
  readonly state: string;
  readonly kind?: "tts" | "asr";
  readonly languages?: readonly string[];
}

export interface PageConfig {
  /** Whether rooms are served: then `POST /token` tells where. */
  readonly livekit: boolean;
  /** The starter language model where it answers, else empty. */
  readonly small_model: string;
}

export interface Grant {
  readonly server_url: string;
  readonly participant_token: string;
  readonly room_name: string;
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly retryable: boolean,
  ) {
    super(message);
  }
}

const KEY = "vdx-key";

export const apiKey = {
  get: (): string => sessionStorage.getItem(KEY) ?? "",
  set: (key: string): void => sessionStorage.setItem(KEY, key),
};

/** Raises ApiError for a refusal and TypeError where no server answers. */
async function ask<T>(path: string, method = "GET", body?: object): Promise<T> {
  const headers: Record<string, string> = {};
  if (apiKey.get()) headers["Authorization"] = `Bearer ${apiKey.get()}`;
  if (body) headers["Content-Type"] = "application/json";
  const init: RequestInit = { method, headers };
  if (body) init.body = JSON.stringify(body);
  const answer = await fetch(path, init);
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) return told as T;
  const error = (told as { error?: { message?: string; retryable?: boolean } }).error ?? {};
  throw new ApiError(answer.status, error.message ?? answer.statusText, error.retryable ?? false);
}

export const pageConfig = (): Promise<PageConfig> => ask("vdx/page");

export async function models(): Promise<readonly Model[]> {
  return (await ask<{ models: Model[] }>("vdx/models")).models;
}

/** What a new conversation uses. */
export const usual = (): Promise<{ voice: string; recogniser: string }> => ask("vdx/status");

export const load = (name: string): Promise<{ kind: "tts" | "asr" }> =>
  ask(`vdx/models/${encodeURIComponent(name)}/load`, "POST");

export const switchTo = (name: string, session: string): Promise<unknown> =>
  ask(`vdx/models/${encodeURIComponent(name)}/use?session=${session}`, "POST");

export const token = (profile: string): Promise<Grant> =>
  ask("token", "POST", profile ? { agent: { profile } } : {});

/** Milliseconds to the server and back, over HTTP. */
export async function roundTrip(): Promise<number> {
  const started = performance.now();
  await (await fetch("healthz", { cache: "no-store" })).text();
  return performance.now() - started;
}
