import { useEffect, useState } from "react";
import type { Call } from "../../call/call";
import { profiles as listProfiles, type Profile } from "../../server/api";
import type { Settings } from "../../settings/settings";
import { words } from "../../words";
import { useSettings } from "../hooks";
import { Panel } from "../Panel";
import { Actions } from "./Actions";
import { Conversation } from "./Conversation";
import { PageGroup } from "./PageGroup";
import { Sound } from "./Sound";
import { Turns } from "./Turns";
import { Voice } from "./Voice";

/** What a group of settings is given. */
export interface GroupProps {
  readonly settings: Settings;
  /** The profile that the settings change, once it is known. */
  readonly base: Profile | undefined;
  readonly change: (part: Partial<Settings>) => void;
}

/** The settings of the conversation, taken at once and kept in the browser. */
export function Drawer({ call, onClose }: { call: Call; onClose: () => void }) {
  const settings = useSettings(call);
  const profiles = useProfiles(call);
  const base = profiles.find(({ name }) => name === (settings.profile || "vdx"));
  const change = (part: Partial<Settings>) => {
    call.change({ ...call.getSettings(), ...part }).catch((error: Error) => {
      call.notify("answer", { text: words().models.failed(error.message) });
    });
  };
  const group = { settings, base, change };
  const { title, close, note } = words().settings;
  return (
    <Panel id="settings" title={title} close={close} onClose={onClose}>
      <p className="note">{note}</p>
      <Conversation {...group} profiles={profiles} />
      <Voice {...group} call={call} />
      <Turns {...group} />
      <Sound {...group} />
      <PageGroup />
      <Actions call={call} settings={settings} base={base} />
    </Panel>
  );
}

function useProfiles(call: Call): readonly Profile[] {
  const [profiles, setProfiles] = useState<readonly Profile[]>([]);
  useEffect(() => {
    listProfiles().then(setProfiles, (error: Error) => {
      call.notify("models", { text: words().models.failed(error.message) });
    });
  }, [call]);
  return profiles;
}
