import { useState } from "react";
import { words } from "../words";
import { KEY_PATTERN } from "./keyPattern";

/** Asks for the API key of a server that wants one. */
export function KeyForm(props: { wasRefused: boolean; onKey: (key: string) => void }) {
  const [key, setKey] = useState("");
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        props.onKey(key);
      }}
    >
      <label>
        <span id="ask-name">{props.wasRefused ? words().key.refused : words().key.ask}</span>
        <input
          id="key"
          type="password"
          autoComplete="off"
          required
          pattern={KEY_PATTERN}
          title={words().key.shape}
          value={key}
          onChange={({ target }) => setKey(target.value)}
        />
      </label>
      <button type="submit">{words().key.use}</button>
    </form>
  );
}
