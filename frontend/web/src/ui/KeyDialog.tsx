import { useEffect, useRef, useState } from "react";
import { announceUsual, type Call } from "../call/call";
import { apiKey } from "../server/api";
import { KeyForm } from "./KeyForm";

/** Asks for the API key of a server that wants one. */
export function KeyDialog({ call }: { call: Call }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [wasRefused, setWasRefused] = useState(false);
  useEffect(() => {
    call.askKey = () => {
      setWasRefused(apiKey.get() !== "");
      if (!dialog.current?.open) dialog.current?.showModal();
    };
  }, [call]);
  const take = (key: string) => {
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
      <KeyForm wasRefused={wasRefused} onKey={take} />
    </dialog>
  );
}
