import {
  RoomAudioRenderer,
  RoomContext,
  useConnectionQualityIndicator,
} from "@livekit/components-react";
import { ConnectionQuality, type Room } from "livekit-client";
import { useEffect, useRef } from "react";
import type { Quality } from "../call/events";

interface Props {
  readonly room: Room;
  readonly onQuality: (quality: Quality) => void;
}

/** Plays what is heard in the room, and watches the connection. */
export function Companion({ room, onQuality }: Props) {
  return (
    <RoomContext value={room}>
      <RoomAudioRenderer />
      <QualityWatch room={room} onQuality={onQuality} />
    </RoomContext>
  );
}

const QUALITIES: Readonly<Record<ConnectionQuality, Quality>> = {
  [ConnectionQuality.Excellent]: "good",
  [ConnectionQuality.Good]: "fair",
  [ConnectionQuality.Poor]: "poor",
  [ConnectionQuality.Lost]: "poor",
  [ConnectionQuality.Unknown]: "unknown",
};

function QualityWatch({ room, onQuality }: Props) {
  const { quality } = useConnectionQualityIndicator({ participant: room.localParticipant });
  const tell = useRef(onQuality);
  tell.current = onQuality;
  useEffect(() => tell.current(QUALITIES[quality]), [quality]);
  return null;
}
