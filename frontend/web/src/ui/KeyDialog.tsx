import { useEffect, useRef, useState } from "react";
import { announceUsual, type Call } from "../call/call";
import { apiKey } from "../server/api";

/** Asks for the API key of a server that wants one. */
export function KeyDialog({ call }: { call: Call }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [key, setKey] = useState("");
  const [wasRefused, setWasRefused] = useState(false);
  useEffect(() => {
    call.askKey = () => {
      setWasRefused(apiKey.get() !== "");
      if (!dialog.current?.open) dialog.current?.showModal();
    };
  }, [call]);
  const take = () => {
    apiKey.set(key);
    dialog.current?.close();
    announceUsual(call).then(
      () => {
        call.resume();
        document.dispatchEvent(new Event("visibilitychange"));
      },
      () => call.askKey(),
    );
  };
  return (
    <dialog id="ask" ref={dialog} aria-labelledby="ask-name" onCancel={() => call.end()}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          take();
        }}
      >
        <label>
          <span id="ask-name">
            {wasRefused ? "That key was refused. Another one?" : "This server asks for an API key."}
          </span>
          <input
            id="key"
            type="password"
            autoComplete="off"
            required
            pattern="[!#$%&'*+.^_`|~0-9A-Za-z\-]+"
            value={key}
            onChange={({ target }) => setKey(target.value)}
          />
        </label>
        <button type="submit">Use this key</button>
      </form>
    </dialog>
  );
}
