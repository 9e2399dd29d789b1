import { words } from "../../words";
import type { GroupProps } from "./Drawer";
import { Factor, Group, Switch } from "./fields";

/** Who speaks when. */
export function Turns({ settings, base, change }: GroupProps) {
  const w = words().settings;
  return (
    <Group title={w.turns}>
      <Factor
        label={w.patience}
        note={w.patienceNote}
        value={settings.patience}
        onChange={(patience) => change({ patience })}
      />
      <Factor
        label={w.sensitivity}
        note={w.sensitivityNote}
        value={settings.sensitivity}
        onChange={(sensitivity) => change({ sensitivity })}
      />
      <Switch
        label={w.bargeIn}
        checked={settings.bargeIn ?? base?.barge_in ?? true}
        onChange={(bargeIn) => change({ bargeIn })}
      />
      <Switch
        label={w.pushToTalk}
        checked={settings.pushToTalk}
        onChange={(pushToTalk) => change({ pushToTalk })}
      />
    </Group>
  );
}
