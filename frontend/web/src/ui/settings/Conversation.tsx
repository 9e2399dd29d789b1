import type { Profile } from "../../server/api";
import { words } from "../../words";
import { linkTo } from "./Actions";
import type { ChoiceProps } from "./Drawer";
import { Choice, ChoiceOrText, Group, Text } from "./fields";
import { languages } from "./languages";
import { ModelChoice } from "./ModelChoice";

/** Who answers, and in which words and language. */
export function Conversation(props: ChoiceProps & { profiles: readonly Profile[] }) {
  const { settings, untaken, base, change, profiles, models, state } = props;
  const w = words().settings;
  return (
    <Group title={w.understanding}>
      <Choice
        label={w.profile}
        value={settings.profile || base?.name || ""}
        options={profiles.map(({ name }) => [name, name])}
        onChange={(profile) => {
          history.replaceState(null, "", linkTo(profile, location.href));
          change({ profile });
        }}
      />
      <Choice
        label={w.responder}
        value={settings.responder}
        options={[["", w.own], ...profiles.map((each) => [each.name, answers(each)] as const)]}
        onChange={(responder) => change({ responder })}
      />
      <Text
        label={w.instructions}
        value={settings.instructions ?? ""}
        refused={untaken.instructions}
        placeholder={base?.instructions ?? ""}
        lines={4}
        maxLength={8000}
        onChange={(text) => change({ instructions: text || null })}
      />
      <Text
        label={w.greeting}
        note={w.greetingNote}
        value={settings.greeting ?? ""}
        placeholder={base?.greeting ?? ""}
        maxLength={1000}
        onChange={(text) => change({ greeting: text || null })}
      />
      <ModelChoice kind="asr" label={w.recogniser} models={models} state={state} />
      <ChoiceOrText
        label={w.language}
        note={w.languageNote}
        textNote={w.tagNote}
        value={settings.language}
        refused={untaken.language}
        options={languages(models.known, state, base?.language ?? "")}
        onChange={(language) => change({ language })}
      />
    </Group>
  );
}

/** A responder by its kind, its language model and the profile that has it. */
export function answers({ name, responder, language_model }: Profile): string {
  return [responder, language_model, `(${name})`].filter(Boolean).join(" ");
}
