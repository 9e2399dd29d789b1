import { type ReactNode, useEffect, useState } from "react";
import type { Call } from "../../call/call";
import type { CallState } from "../../call/state";
import { profiles as listProfiles, type Profile } from "../../server/api";
import type { Untaken } from "../../settings/refusals";
import type { Settings } from "../../settings/settings";
import { words } from "../../words";
import { useCallState, useSettings, useUntaken } from "../hooks";
import { Panel } from "../Panel";
import { useModels } from "../useModels";
import { Actions } from "./Actions";
import { Conversation } from "./Conversation";
import { PageGroup } from "./PageGroup";
import { Sound } from "./Sound";
import { Turns } from "./Turns";
import { Voice } from "./Voice";

/** What a group with a menu of models is given too. */
export interface ChoiceProps extends GroupProps {
  readonly models: ReturnType<typeof useModels>;
  readonly state: CallState;
}

/** What a group of settings is given. */
export interface GroupProps {
  readonly settings: Settings;
  readonly untaken: Untaken;
  /** The profile that the settings change, once it is known. */
  readonly base: Profile | undefined;
  readonly change: (part: Partial<Settings>) => void;
}

/** The settings of the conversation, taken at once and kept in the browser. */
export function Drawer(props: { call: Call; onClose: () => void; top?: ReactNode }) {
  const { call, onClose, top } = props;
  const settings = useSettings(call);
  const profiles = useProfiles(call);
  const base = profiles.find(({ name }) => name === (settings.profile || "vdx"));
  const change = (part: Partial<Settings>) => {
    call.change({ ...call.getSettings(), ...part }).catch((error: Error) => {
      call.notify("answer", { text: words().models.failed(error.message) });
    });
  };
  const models = useModels(call);
  const state = useCallState(call);
  const group = { settings, untaken: useUntaken(call), base, change };
  const choice = { models, state };
  const { title, close, note } = words().settings;
  return (
    <Panel id="settings" title={title} close={close} onClose={onClose} top={top}>
      <p className="note">{note}</p>
      <p className="note" role="status">
        {models.status}
      </p>
      <Conversation {...group} {...choice} profiles={profiles} />
      <Voice {...group} {...choice} call={call} />
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
