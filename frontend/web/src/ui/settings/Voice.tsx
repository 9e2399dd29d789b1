import { useEffect, useRef, useState } from "react";
import type { Call } from "../../call/call";
import { speakers, speech } from "../../server/api";
import { voiceOf } from "../../settings/update";
import { words } from "../../words";
import { useFocusKept } from "../hooks";
import type { ChoiceProps } from "./Drawer";
import { ChoiceOrText, Factor, Group, Text } from "./fields";
import { ModelChoice } from "./ModelChoice";
import { OwnVoice } from "./OwnVoice";

/** How the answers sound. */
export function Voice(props: ChoiceProps & { call: Call }) {
  const { call, settings, untaken, base, change, models, state } = props;
  const w = words().settings;
  const { voice } = state;
  const usual = base?.speed ?? 1;
  return (
    <Group title={w.voiceGroup}>
      <ModelChoice kind="tts" label={w.voice} models={models} state={state} />
      <Speaker
        voice={voice}
        value={settings.speaker}
        refused={untaken.speaker}
        onChange={(speaker) => change({ speaker, voice: settings.voice || voice })}
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
      <OwnVoice
        call={call}
        settings={{ ...settings, voice: settings.voice || voice }}
        models={models.known}
        onChange={async (model, speaker) => {
          if (model !== voice) await models.swap("tts", model);
          await call.change({ ...call.getSettings(), voice: model, speaker });
        }}
      />
    </Group>
  );
}

/** A menu of the voice's speakers or styles, a line where they are not known; none for one. */
function Speaker(props: {
  readonly voice: string;
  readonly value: string;
  readonly refused: string | undefined;
  readonly onChange: (speaker: string) => void;
}) {
  const { voice, value, refused, onChange } = props;
  const names = useSpeakers(voice, value);
  const { speaker: label, speakerNote: note, usualSpeaker } = words().settings;
  if (names === undefined) return null;
  if (names === null) {
    const change = (text: string) => onChange(text.trim());
    return (
      <Text
        label={label}
        note={note}
        value={value}
        refused={refused}
        placeholder=""
        onChange={change}
      />
    );
  }
  if (names.length < 2 && !value) return null;
  return (
    <ChoiceOrText
      label={label}
      textNote={note}
      value={value}
      refused={refused}
      options={[["", usualSpeaker], ...names.map((name) => [name, name] as const)]}
      onChange={onChange}
    />
  );
}

/**
 * `undefined` until the server has told; null where it does not know, or does not tell.
 * Asked again when another speaker is `chosen`, who may have been added meanwhile.
 */
function useSpeakers(voice: string, chosen: string): readonly string[] | null | undefined {
  const [found, setFound] = useState<{ voice: string; names: readonly string[] | null }>();
  // biome-ignore lint/correctness/useExhaustiveDependencies: a choice may be one just made
  useEffect(() => {
    if (!voice) return;
    let isOver = false;
    const tell = (names: readonly string[] | null) => {
      if (!isOver) setFound({ voice, names });
    };
    speakers(voice).then(tell, () => tell(null));
    return () => {
      isOver = true;
    };
  }, [voice, chosen]);
  return found?.voice === voice ? found.names : undefined;
}

/** A sentence in this voice, outside of the conversation. */
function Hear({ call, voice, speed }: { call: Call; voice: string; speed: number }) {
  const [isBusy, setBusy] = useState(false);
  const button = useFocusKept<HTMLButtonElement>(isBusy);
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
    <button
      ref={button}
      id="hear"
      className="plain"
      type="button"
      disabled={isBusy}
      onClick={() => void play()}
    >
      {isBusy ? hearing : hear}
    </button>
  );
}
