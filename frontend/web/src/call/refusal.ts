/** Why a conversation cannot be had, from what the server answered to an ordinary request. */

import { ApiError, admission } from "../server/api";
import { words } from "../words";
import { TransportError } from "./transport";

/** Asking for too much, or too early, passes; any other 4xx comes again with every attempt. */
export function refusalOf(error: ApiError): TransportError {
  if (error.status === 401) return new TransportError("unauthorized", error.message);
  if (error.status === 404) return new TransportError("unknown", error.message);
  const passes = error.retryable || error.status >= 500 || error.status === 429;
  return new TransportError(passes ? "busy" : "refused", error.message);
}

/** A browser does not tell why a socket was refused; an ordinary request does. */
export async function explain(error: unknown, profile: string): Promise<TransportError> {
  if (error instanceof TransportError && error.refusal !== "gone") return error;
  try {
    await admission(profile);
  } catch (refused) {
    if (refused instanceof ApiError) return refusalOf(refused);
    return new TransportError("gone", words().connection.gone);
  }
  const why = error instanceof TransportError ? words().connection.busy : String(error);
  return new TransportError("busy", why);
}
