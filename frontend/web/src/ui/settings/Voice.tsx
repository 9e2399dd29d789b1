import { useRef, useState } from "react";
import type { Call } from "../../call/call";
import { speech } from "../../server/api";
import { voiceOf } from "../../settings/update";
import { words } from "../../words";
import type { ChoiceProps } from "./Drawer";
import { Factor, Group, Text } from "./fields";
import { ModelChoice } from "./ModelChoice";

/** How the answers sound. */
export function Voice(props: ChoiceProps & { call: Call }) {
  const { call, settings, base, change, models, state } = props;
  const w = words().settings;
  const { voice } = state;
  const usual = base?.speed ?? 1;
  return (
    <Group title={w.voiceGroup}>
      <ModelChoice kind="tts" label={w.voice} models={models} state={state} />
      <Text
        label={w.speaker}
        note={w.speakerNote}
        value={settings.speaker}
        placeholder=""
        onChange={(speaker) => change({ speaker: speaker.trim(), voice: settings.voice || voice })}
      />
      <Factor
        label={w.speed}
        value={settings.speed}
        usual={usual}
        onChange={(speed) => change({ speed })}
      />
      <Hear
        call={call}
        voice={voiceOf({ ...settings, voice: settings.voice || voice })}
        speed={settings.speed ?? usual}
      />
    </Group>
  );
}

/** A sentence in this voice, outside of the conversation. */
function Hear({ call, voice, speed }: { call: Call; voice: string; speed: number }) {
  const [isBusy, setBusy] = useState(false);
  const playing = useRef<HTMLAudioElement | null>(null);
  const { hear, hearing, sample } = words().settings;
  const play = async () => {
    setBusy(true);
    playing.current?.pause();
    let address = "";
    try {
      address = URL.createObjectURL(await speech(voice, sample, speed));
      const sound = new Audio(address);
      playing.current = sound;
      await sound.play();
      await new Promise<void>((resolve) => {
        sound.onended = sound.onpause = () => resolve();
      });
    } catch (error) {
      call.notify("models", { text: words().models.failed((error as Error).message) });
    } finally {
      URL.revokeObjectURL(address);
      setBusy(false);
    }
  };
  return (
    <button id="hear" className="plain" type="button" disabled={isBusy} onClick={() => void play()}>
      {isBusy ? hearing : hear}
    </button>
  );
}
