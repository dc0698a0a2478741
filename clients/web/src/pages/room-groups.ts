import type { RoomInfo } from '@boltorezka/client';

/** Rooms that are listed under one heading. */
export interface RoomGroup {
  /** Absent for rooms without one. */
  category: string | undefined;
  rooms: RoomInfo[];
}

/** Groups rooms by category. They come in the server's order, and stay in it. */
export function roomGroups(rooms: readonly RoomInfo[]): RoomGroup[] {
  const groups: RoomGroup[] = [];
  for (const room of rooms) {
    // A room that was moved while the pages were loaded may come apart from its category.
    const group = groups.find(({ category }) => category === room.category);
    if (group) group.rooms.push(room);
    else groups.push({ category: room.category, rooms: [room] });
  }
  return groups;
}
