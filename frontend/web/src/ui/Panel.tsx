import { type ReactNode, useEffect, useRef } from "react";
import { CloseIcon } from "./icons";

interface Props {
  readonly id: string;
  readonly title: string;
  readonly close: string;
  readonly onClose: () => void;
  /** What must be seen whatever is shown; below the heading. */
  readonly top?: ReactNode;
  readonly children: ReactNode;
}

/** Stands beside the conversation, which goes on; the whole screen on a phone. */
export function Panel({ id, title, close, onClose, top, children }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    heading.current?.focus();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <aside id={id} className="panel" aria-labelledby={`${id}-name`}>
      <div className="panel-head">
        <h2 id={`${id}-name`} ref={heading} tabIndex={-1}>
          {title}
        </h2>
        <button className="quiet" type="button" aria-label={close} onClick={onClose}>
          <CloseIcon />
        </button>
      </div>
      {top}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <section className="panel-body" tabIndex={0} aria-labelledby={`${id}-name`}>
        {children}
      </section>
    </aside>
  );
}
