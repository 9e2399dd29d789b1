/** The server's HTTP interface, as far as the page needs it. */

export interface Model {
  readonly name: string;
  readonly state: string;
  readonly kind?: "tts" | "asr" | "endpointer" | "speaker";
  readonly family?: string;
  readonly languages?: readonly string[];
  /** Absent or null of a model that the server knows nothing of yet. */
  readonly capabilities?: readonly string[] | null;
}

/** A profile of the configuration: how a conversation begins that names it. */
export interface Profile {
  readonly name: string;
  readonly voice: string;
  readonly speed: number;
  readonly recogniser: string;
  readonly language: string;
  readonly instructions: string;
  readonly greeting: string;
  readonly responder: string;
  readonly language_model: string;
  readonly barge_in: boolean;
  readonly echo_cancellation: boolean;
  readonly noise_suppression: boolean;
  readonly finished_ms: number;
  readonly unfinished_ms: number;
  readonly min_silence_duration_ms: number;
  readonly min_threshold: number;
  readonly threshold_multiplier: number;
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
export async function request(path: string, method = "GET", body?: object): Promise<Response> {
  const headers: Record<string, string> = {};
  if (apiKey.get()) headers["Authorization"] = `Bearer ${apiKey.get()}`;
  const init: RequestInit = { method, headers };
  if (body instanceof FormData) init.body = body;
  else if (body) {
    headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  const answer = await fetch(path, init);
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  const error = (told as { error?: { message?: string; retryable?: boolean } }).error ?? {};
  throw new ApiError(answer.status, error.message ?? answer.statusText, error.retryable ?? false);
}

export async function ask<T>(path: string, method = "GET", body?: object): Promise<T> {
  return (await (await request(path, method, body)).json()) as T;
}

export const pageConfig = (): Promise<PageConfig> => ask("vdx/page");

export async function models(): Promise<readonly Model[]> {
  return (await ask<{ models: Model[] }>("vdx/models")).models;
}

/** What a new conversation uses. */
export const usual = (): Promise<{ voice: string; recogniser: string }> => ask("vdx/status");

export const profiles = async (): Promise<readonly Profile[]> =>
  (await ask<{ profiles: Profile[] }>("vdx/profiles")).profiles;

/** Rejects as the server would refuse a conversation with this profile now. */
export const admission = (profile: string): Promise<unknown> =>
  ask(`vdx/admission?model=${encodeURIComponent(profile)}`);

/** The language of a conversation that follows what is spoken. */
export const AUTOMATIC = "auto";

/** The speakers or styles of a voice; empty where it has one, null where they are not known. */
export const speakers = async (voice: string): Promise<readonly string[] | null> =>
  (await ask<{ speakers: string[] | null }>(`vdx/models/${encodeURIComponent(voice)}/speakers`))
    .speakers;

/** A sentence in a voice, as a WAV file. */
export async function speech(voice: string, input: string, speed: number): Promise<Blob> {
  const wanted = { model: "tts-1", voice, input, speed, response_format: "wav" };
  return (await request("v1/audio/speech", "POST", wanted)).blob();
}

/** A voice that was made of a recording; `id` is MODEL/NAME. */
export interface ClonedVoice {
  readonly id: string;
  readonly name: string;
}

export const clones = async (): Promise<readonly ClonedVoice[]> =>
  (await ask<{ data: (ClonedVoice & { cloned: boolean })[] }>("v1/audio/voices")).data.filter(
    ({ cloned }) => cloned,
  );

/** Makes a voice of a recording, with what is said in it and the consent of who says it. */
export function clone(
  recording: Blob,
  fields: { name: string; text: string; language: string; consent: string },
): Promise<ClonedVoice> {
  const form = new FormData();
  form.set("file", recording, "recording");
  for (const [key, value] of Object.entries(fields)) form.set(key, value);
  return ask("v1/audio/voices", "POST", form);
}

export const removeClone = (id: string): Promise<unknown> =>
  ask(`v1/audio/voices/${id.split("/").map(encodeURIComponent).join("/")}`, "DELETE");

export const load = (name: string): Promise<{ kind: "tts" | "asr" }> =>
  ask(`vdx/models/${encodeURIComponent(name)}/load`, "POST");

export const switchTo = (name: string, session: string): Promise<unknown> =>
  ask(`vdx/models/${encodeURIComponent(name)}/use?session=${session}`, "POST");

export const token = (profile: string, greeting: string | null): Promise<Grant> => {
  const agent = { ...(profile && { profile }), ...(greeting !== null && { greeting }) };
  // See `Mute` of the room.
  return ask("token", "POST", { agent: { ...agent, silent_at_pause: true } });
};

/** Milliseconds to the server and back, over HTTP. */
export async function roundTrip(): Promise<number> {
  const started = performance.now();
  await (await fetch("healthz", { cache: "no-store" })).text();
  return performance.now() - started;
}
