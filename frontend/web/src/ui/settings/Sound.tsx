import { words } from "../../words";
import type { GroupProps } from "./Drawer";
import { Group, Switch } from "./fields";

/** What browser and server do to the sound of the microphone. */
export function Sound({ settings, base, change }: GroupProps) {
  const w = words().settings;
  const isCancelled = settings.serverEcho ?? base?.echo_cancellation ?? false;
  return (
    <Group title={w.sound}>
      <Switch label={w.echo} checked={settings.echo} onChange={(echo) => change({ echo })} />
      <Switch label={w.noise} checked={settings.noise} onChange={(noise) => change({ noise })} />
      <Switch label={w.gain} checked={settings.gain} onChange={(gain) => change({ gain })} />
      <Switch
        label={w.serverEcho}
        checked={isCancelled}
        onChange={(serverEcho) => change({ serverEcho })}
      />
      {isCancelled && (
        <Switch
          label={w.serverNoise}
          checked={settings.serverNoise ?? base?.noise_suppression ?? false}
          onChange={(serverNoise) => change({ serverNoise })}
        />
      )}
    </Group>
  );
}
