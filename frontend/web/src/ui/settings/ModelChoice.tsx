import type { CallState } from "../../call/state";
import { forPeople, type SwappedKind, type useModels } from "../useModels";
import { Choice } from "./fields";

/** Another voice or recogniser, which is loaded first where it is not in memory. */
export function ModelChoice(props: {
  readonly kind: SwappedKind;
  readonly label: string;
  readonly models: ReturnType<typeof useModels>;
  readonly state: CallState;
}) {
  const { kind, label, models, state } = props;
  const { voice, recogniser } = state;
  const ours = forPeople(models.known, [voice, recogniser]).filter(
    (model) => (model.kind ?? kind) === kind,
  );
  return (
    <Choice
      label={label}
      value={kind === "tts" ? voice : recogniser}
      isDisabled={models.isBusy}
      options={ours.map(({ name }) => [name, name])}
      onChange={(name) => void models.swap(kind, name)}
    />
  );
}
