import { useState } from "react";
import type { Call } from "../call/call";
import { words } from "../words";
import { SendIcon, StopIcon } from "./icons";

/** Typing instead of talking. */
export function Say({ call, isSpeaking }: { call: Call; isSpeaking: boolean }) {
  const [text, setText] = useState("");
  return (
    <form
      id="say"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim() && call.say(text.trim())) setText("");
      }}
    >
      <input
        id="text"
        aria-label={words().talk.type}
        placeholder={words().talk.type}
        autoComplete="off"
        maxLength={4000}
        value={text}
        onChange={({ target }) => setText(target.value)}
      />
      {isSpeaking && !text ? (
        <button
          id="stop"
          type="button"
          aria-label={words().talk.stop}
          onClick={() => call.interrupt()}
        >
          <StopIcon />
        </button>
      ) : (
        <button id="send" type="submit" aria-label={words().talk.send}>
          <SendIcon />
        </button>
      )}
    </form>
  );
}
