/** The settings of a conversation as a person has them; kept in the browser. */

export interface Settings {
  /** Empty: the default one. */
  readonly profile: string;
  readonly voice: string;
  readonly speaker: string;
  readonly recogniser: string;
  readonly language: string;
  /** The profile whose responder answers. */
  readonly responder: string;
  /** `null` here and below: as the profile says. */
  readonly instructions: string | null;
  readonly greeting: string | null;
  readonly speed: number | null;
  /** Factors on the profile's silences and thresholds. */
  readonly patience: number | null;
  readonly sensitivity: number | null;
  readonly bargeIn: boolean | null;
  readonly serverEcho: boolean | null;
  readonly serverNoise: boolean | null;
  readonly pushToTalk: boolean;
  /** What the browser does to the microphone's sound. */
  readonly echo: boolean;
  readonly noise: boolean;
  readonly gain: boolean;
}

export const USUAL: Settings = {
  profile: "",
  voice: "",
  speaker: "",
  recogniser: "",
  language: "",
  responder: "",
  instructions: null,
  greeting: null,
  speed: null,
  patience: null,
  sensitivity: null,
  bargeIn: null,
  serverEcho: null,
  serverNoise: null,
  pushToTalk: false,
  echo: true,
  noise: true,
  gain: true,
};

const KEY = "vdx-settings";

/** What was kept, as far as it still fits; `profile` of the page's address comes first. */
export function stored(storage: Pick<Storage, "getItem">, profile: string): Settings {
  const kept = parsed(storage.getItem(KEY));
  return { ...USUAL, ...kept, ...(profile && { profile }) };
}

export function store(storage: Pick<Storage, "setItem">, settings: Settings): void {
  storage.setItem(KEY, JSON.stringify(settings));
}

/** Keys that are known, with values of the right type: another version may have written them. */
function parsed(text: string | null): Partial<Settings> {
  if (!text) return {};
  let kept: unknown;
  try {
    kept = JSON.parse(text);
  } catch {
    return {};
  }
  if (typeof kept !== "object" || kept === null) return {};
  return Object.fromEntries(
    Object.entries(kept).filter(([key, value]) => key in USUAL && fits(key, value)),
  );
}

const OPTIONAL: Readonly<Record<string, string>> = {
  instructions: "string",
  greeting: "string",
  speed: "number",
  patience: "number",
  sensitivity: "number",
  bargeIn: "boolean",
  serverEcho: "boolean",
  serverNoise: "boolean",
};

function fits(key: string, value: unknown): boolean {
  const usual = USUAL[key as keyof Settings];
  if (usual !== null) return typeof value === typeof usual;
  return value === null || typeof value === OPTIONAL[key];
}
