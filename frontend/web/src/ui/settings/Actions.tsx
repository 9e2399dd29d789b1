import { useState } from "react";
import type { Call } from "../../call/call";
import type { Profile } from "../../server/api";
import type { Settings } from "../../settings/settings";
import { profileYaml } from "../../settings/yaml";
import { words } from "../../words";
import { copy } from "../clipboard";

/** Takes the settings along: as a profile, or as a link; or gives them up. */
export function Actions(props: { call: Call; settings: Settings; base: Profile | undefined }) {
  const { call, settings, base } = props;
  const [done, setDone] = useState("");
  const { copyYaml, copyLink, copied, notCopied, reset, wasReset } = words().settings;
  const take = async (text: string) => setDone((await copy(text)) ? copied : notCopied);
  return (
    <div className="actions">
      <button
        id="copy-yaml"
        className="plain"
        type="button"
        onClick={() => void take(profileYaml(settings, base))}
      >
        {copyYaml}
      </button>
      <button
        id="copy-link"
        className="plain"
        type="button"
        onClick={() => void take(linkTo(settings.profile || base?.name || "", location.href))}
      >
        {copyLink}
      </button>
      <button
        id="reset"
        className="plain"
        type="button"
        onClick={() => void call.reset().then(() => setDone(wasReset))}
      >
        {reset}
      </button>
      <p className="note" role="status">
        {done}
      </p>
    </div>
  );
}

/** The address that opens this profile; what else the address names stays. */
export function linkTo(profile: string, href: string): string {
  const address = new URL(href);
  if (profile) address.searchParams.set("model", profile);
  address.hash = "";
  return address.href;
}
