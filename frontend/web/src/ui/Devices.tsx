import { useEffect, useState } from "react";
import type { Call } from "../call/call";
import { canChooseSpeaker } from "../call/sound";
import type { CallState } from "../call/state";
import { words } from "../words";

/** Which microphone and which loudspeaker; browsers name them once the microphone is allowed. */
export function Devices(props: { call: Call; microphone: CallState["microphone"] }) {
  const { call } = props;
  const devices = useDevices(props.microphone !== "closed");
  const [microphone, setMicrophone] = useState("");
  const [speaker, setSpeaker] = useState("");
  return (
    <section aria-label={words().devices.region} id="devices">
      <Menu
        id="microphone"
        label={words().devices.microphone}
        value={microphone}
        devices={devices.filter(({ kind }) => kind === "audioinput")}
        onChoose={(id) => {
          setMicrophone(id);
          void call.chooseMicrophone(id);
        }}
      />
      {canChooseSpeaker() && (
        <Menu
          id="speaker"
          label={words().devices.speaker}
          value={speaker}
          devices={devices.filter(({ kind }) => kind === "audiooutput")}
          onChoose={(id) => {
            setSpeaker(id);
            void call.chooseSpeaker(id);
          }}
        />
      )}
    </section>
  );
}

interface MenuProps {
  readonly id: string;
  readonly label: string;
  readonly value: string;
  readonly devices: readonly MediaDeviceInfo[];
  readonly onChoose: (deviceId: string) => void;
}

function Menu({ id, label, value, devices, onChoose }: MenuProps) {
  // The browsers' own entries for "the usual one" are shown once, as ours.
  const named = devices.filter(
    ({ deviceId, label }) => deviceId && deviceId !== "default" && label,
  );
  return (
    <label>
      <span>{label}</span>
      <select
        id={id}
        value={named.some(({ deviceId }) => deviceId === value) ? value : ""}
        disabled={named.length === 0}
        onChange={({ target }) => onChoose(target.value)}
      >
        <option value="">{words().devices.usual}</option>
        {named.map(({ deviceId, label: name }) => (
          <option key={deviceId} value={deviceId}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function useDevices(isAllowed: boolean): readonly MediaDeviceInfo[] {
  const [devices, setDevices] = useState<readonly MediaDeviceInfo[]>([]);
  useEffect(() => {
    const media = navigator.mediaDevices as MediaDevices | undefined; // none on insecure pages
    if (!media || !isAllowed) return;
    const list = () => void media.enumerateDevices().then(setDevices, () => setDevices([]));
    list();
    media.addEventListener("devicechange", list);
    return () => media.removeEventListener("devicechange", list);
  }, [isAllowed]);
  return devices;
}
