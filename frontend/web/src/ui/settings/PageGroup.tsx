import { chooseLanguage, chosenLanguage, LANGUAGES, words } from "../../words";
import { Choice, Group } from "./fields";

/** The page itself. It is loaded again in another language; what was said is kept. */
export function PageGroup() {
  const w = words().settings;
  return (
    <Group title={w.page}>
      <Choice
        label={w.words}
        value={chosenLanguage()}
        options={[["", w.wordsBrowser], ...Object.entries(LANGUAGES)]}
        onChange={(tag) => {
          chooseLanguage(tag);
          location.reload();
        }}
      />
    </Group>
  );
}
