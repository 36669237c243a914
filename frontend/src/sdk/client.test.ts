import { describe, expect, test } from "vitest";
import { ChatClient } from "./client.ts";
import type { Credentials } from "./credentials.ts";
import { ChatError } from "./errors.ts";
import type { Message, RoomChanges, ServerFrame } from "./frames.ts";
import type { KeyValueStore } from "./platform.ts";
import { ManualTime, Sockets, settled } from "./testing/line.ts";
import { ME, ROOM, World } from "./testing/world.ts";

const EMPTY: RoomChanges = { type: "room.changes", room: ROOM, rev: 0, messages: [], answers: [], reset: true };

function memory(): KeyValueStore & { data: Map<string, string> } {
  const data = new Map<string, string>();
  return {
    data,
    getItem: (key) => data.get(key) ?? null,
    setItem: (key, value) => void data.set(key, value),
    removeItem: (key) => void data.delete(key),
  };
}

function setUp(credentials: Credentials = { token: async () => "ticket" }, storage?: KeyValueStore) {
  const time = new ManualTime();
  const sockets = new Sockets();
  const client = new ChatClient({
    server: "https://chat.example/base",
    credentials,
    storage,
    WebSocket: sockets.Class,
    time,
  });
  return { time, sockets, client };
}

async function ready(setup = setUp()) {
  setup.client.join(ROOM);
  setup.client.start();
  await settled();
  await setup.sockets.last.welcome([EMPTY]);
  return setup;
}

function mine(cid: string, seq: number): ServerFrame {
  const message: Message = {
    ...{ id: `m${seq}`, seq, rev: seq, author: ME, cid, text: "x", status: "complete", attempt: 0, reply_to: null },
    ...{ created: "2026-01-01T00:00:00Z", edited: null, sources: [] },
  };
  return { type: "message", room: ROOM, rev: seq, message };
}

describe("connecting", () => {
  test("hello carries the token, the epoch and the rooms with their positions", async () => {
    const { sockets, client, time } = await ready();
    expect(sockets.last.url).toBe("wss://chat.example/base/ws");
    expect(sockets.last.protocol).toBe("chat.v1.json");
    expect(sockets.last.command("hello")).toMatchObject({ token: "ticket", rooms: [{ room: ROOM }] });
    expect(client.state.connection).toEqual({ status: "ready" });
    await sockets.last.say(mine("a", 1));
    await sockets.last.drop();
    await time.pass(500);
    sockets.last.open();
    expect(sockets.last.command("hello")).toMatchObject({ epoch: "e", rooms: [{ room: ROOM, rev: 1 }] });
  });

  test("another epoch voids positions and messages", async () => {
    const { sockets, client, time } = await ready();
    await sockets.last.say(mine("a", 1));
    await sockets.last.drop();
    await time.pass(500);
    await sockets.last.welcome([], { epoch: "other" });
    expect(client.state.rooms[ROOM]).toMatchObject({ rev: null, messages: [], joined: true });
  });

  test("waits longer after each failure, with full jitter, and begins anew once it was ready", async () => {
    const { sockets, client, time } = await ready();
    time.chance = 1;
    for (const ms of [500, 1000, 2000, 4000]) {
      await sockets.last.drop();
      expect(client.state.connection).toEqual({ status: "offline", retryAt: time.now() + ms });
      await time.pass(ms);
    }
    await sockets.last.welcome([EMPTY]);
    await sockets.last.drop();
    expect(client.state.connection).toEqual({ status: "offline", retryAt: time.now() + 500 });
  });

  test("a restarting server is given up to 5 s, and bye counts where the close's code is lost", async () => {
    const { sockets, client, time } = await ready();
    time.chance = 1;
    await sockets.last.say({ type: "bye", code: 4012, reason: "server restarting" });
    await sockets.last.drop(1006);
    expect(client.state.connection).toEqual({ status: "offline", retryAt: time.now() + 5000 });
  });

  test("retry_after of a bye is kept", async () => {
    const { sockets, client, time } = await ready();
    time.chance = 0;
    await sockets.last.say({ type: "bye", code: 4029, reason: "too many", retry_after: 7 });
    await sockets.last.drop(4029);
    expect(client.state.connection).toEqual({ status: "offline", retryAt: time.now() + 7000 });
  });

  test("retryNow does not wait", async () => {
    const { sockets, client } = await ready();
    await sockets.last.drop();
    client.retryNow();
    await settled();
    expect(sockets.opened).toHaveLength(2);
    expect(client.state.connection.status).toBe("connecting");
  });

  test("retryNow during an attempt makes no second one", async () => {
    let asked = 0;
    const { sockets, client } = setUp({
      token: async () => {
        asked++;
        await settled();
        return "ticket";
      },
    });
    client.start();
    client.retryNow();
    client.retryNow();
    await settled();
    await settled();
    expect([asked, sockets.opened.length]).toEqual([1, 1]);
  });

  test("credentials that do not come are given up", async () => {
    const { sockets, client, time } = setUp({ token: () => new Promise(() => {}) });
    client.start();
    await time.pass(15_000);
    expect(client.state.connection.status).toBe("offline");
    expect(sockets.opened).toHaveLength(0);
  });

  test("stop ends it for good", async () => {
    const { sockets, client, time } = await ready();
    client.subscribe(() => client.stop()); // also where it is called again and again
    client.stop();
    await time.pass(100_000);
    expect(sockets.opened).toHaveLength(1);
    expect(client.state.connection).toEqual({ status: "stopped" });
  });

  test("hello is repeated on the same socket while the database is away", async () => {
    const { sockets, client, time } = setUp();
    client.start();
    await settled();
    sockets.last.open();
    const re = sockets.last.command("hello").id;
    await sockets.last.say({ type: "error", re, code: "unavailable", message: "", retry_after: 2 });
    await time.pass(2000);
    expect(sockets.last.all("hello")).toHaveLength(2);
    await sockets.last.welcome();
    expect(client.state.connection.status).toBe("ready");
  });
});

describe("dead sockets", () => {
  test("silence is answered with a ping, and silence after that with another socket", async () => {
    const { sockets, time } = await ready();
    await time.pass(25_000);
    expect(sockets.last.all("ping")).toHaveLength(1);
    await sockets.last.say({ type: "ok", re: sockets.last.command("ping").id });
    await time.pass(25_000);
    expect(sockets.opened).toHaveLength(1);
    await time.pass(10_250);
    expect(sockets.opened).toHaveLength(2);
  });

  test("one that never opens is given up", async () => {
    const { sockets, client, time } = setUp();
    client.start();
    await settled();
    await time.pass(15_000);
    expect(client.state.connection.status).toBe("offline");
    expect(sockets.last.readyState).toBe(3);
  });

  test("after a change of the network it has 3 s to answer", async () => {
    const { sockets, client, time } = await ready();
    client.retryNow();
    expect(sockets.last.all("ping")).toHaveLength(1);
    await time.pass(3000);
    expect(client.state.connection.status).toBe("offline");
  });
});

describe("credentials", () => {
  test("new ones are got once after 4001, then it is refused", async () => {
    let asked = 0;
    const { sockets, client, time } = await ready(setUp({ token: async () => `t${++asked}` }));
    await sockets.last.drop(4001);
    await time.pass(500);
    sockets.last.open();
    expect(sockets.last.command("hello").token).toBe("t2");
    await sockets.last.drop(4001);
    expect(client.state.connection).toMatchObject({ status: "refused", code: "unauthenticated" });
  });

  test("a cookie that is refused is not tried twice", async () => {
    const { sockets, client } = await ready(setUp({ token: async () => null }));
    await sockets.last.drop(4001);
    expect(client.state.connection).toMatchObject({ status: "refused", code: "unauthenticated" });
  });

  test("are renewed in band before they end", async () => {
    let asked = 0;
    const { sockets, client, time } = setUp({ token: async () => `t${++asked}` });
    client.start();
    await settled();
    const expires = (ms: number) => new Date(time.now() + ms).toISOString();
    await sockets.last.welcome([], { expires: expires(100_000) });
    for (let round = 0; round < 4; round++) {
      await time.pass(20_000);
      await sockets.last.say({ type: "room.gone", room: "any sign of life", code: "removed" });
    }
    const refresh = sockets.last.command("auth.refresh");
    expect(refresh.token).toBe("t2");
    const next = expires(900_000);
    await sockets.last.say({ type: "ok", re: refresh.id, expires: next });
    expect(client.state.expires).toBe(next);
  });

  test("no server: tried again; no right: refused", async () => {
    let error = new ChatError("offline", "no network");
    const { sockets, client, time } = setUp({ token: () => Promise.reject(error) });
    client.start();
    await settled();
    expect(client.state.connection.status).toBe("offline");
    error = new ChatError("forbidden", "This site does not list the page's origin.");
    await time.pass(500);
    expect(client.state.connection).toMatchObject({ status: "refused", code: "forbidden", message: error.message });
    expect(sockets.opened).toHaveLength(0);
  });
});

describe("sending", () => {
  test("stands at once, is acknowledged, and gives way to the stored message", async () => {
    const { sockets, client } = await ready();
    const cid = client.send(ROOM, "hello");
    expect(client.state.outgoing).toMatchObject([{ cid, text: "hello", status: "sent" }]);
    await sockets.last.say({ type: "ok", re: sockets.last.command("message.send").id, message: "m1", seq: 1 });
    expect(client.state.outgoing).toMatchObject([{ cid, status: "stored", seq: 1 }]);
    await sockets.last.say(mine(cid, 1));
    expect(client.state.outgoing).toEqual([]);
    expect(client.state.rooms[ROOM]?.messages).toHaveLength(1);
  });

  test("the event may come before the ok", async () => {
    const { sockets, client } = await ready();
    const cid = client.send(ROOM, "hello");
    await sockets.last.say(mine(cid, 1), {
      type: "ok",
      re: sockets.last.command("message.send").id,
      message: "m1",
      seq: 1,
    });
    expect(client.state.outgoing).toEqual([]);
  });

  test("waits while offline, and goes in order with the next connection", async () => {
    const { sockets, client, time } = await ready();
    await sockets.last.drop();
    const cids = [client.send(ROOM, "one"), client.send(ROOM, "two")];
    expect(client.state.outgoing).toMatchObject([{ status: "queued" }, { status: "queued" }]);
    await time.pass(500);
    await sockets.last.welcome([EMPTY]);
    expect(sockets.last.all("message.send")).toMatchObject([{ cid: cids[0], text: "one" }]);
    await sockets.last.say({ type: "ok", re: sockets.last.command("message.send").id, message: "m1", seq: 1 });
    expect(sockets.last.all("message.send")).toMatchObject([{ cid: cids[0] }, { cid: cids[1], text: "two" }]);
  });

  test("a socket that ends before the ok: the same cid again", async () => {
    const { sockets, client, time } = await ready();
    const cid = client.send(ROOM, "hello", { replyTo: "m0", ask: true });
    await sockets.last.drop();
    await time.pass(500);
    await sockets.last.welcome([EMPTY]);
    expect(sockets.last.all("message.send")).toMatchObject([{ cid, text: "hello", reply_to: "m0", ask: true }]);
  });

  test("each room's first goes at once, and only once", async () => {
    const { sockets, client } = await ready();
    await sockets.last.drop();
    const cids = [client.send(ROOM, "one"), client.send("other", "two"), client.send("third", "three")];
    client.retryNow();
    await settled();
    await sockets.last.welcome([EMPTY]);
    expect(sockets.last.all("message.send").map(({ cid }) => cid)).toEqual(cids);
  });

  test("a listener that sends hears of it after the others", async () => {
    const { client } = setUp();
    const heard: number[][] = [[], []];
    client.subscribe((state) => {
      heard[0]?.push(state.outgoing.length);
      if (state.outgoing.length < 3) client.send(ROOM, "again");
    });
    client.subscribe((state, previous) => {
      heard[1]?.push(state.outgoing.length);
      expect(previous.outgoing).toHaveLength(state.outgoing.length - 1);
    });
    client.send(ROOM, "first");
    expect(heard).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
  });

  test("unavailable and rate_limited: again after retry_after, and nothing overtakes", async () => {
    const { sockets, client, time } = await ready();
    const cid = client.send(ROOM, "one");
    client.send(ROOM, "two");
    const re = sockets.last.command("message.send").id;
    await sockets.last.say({ type: "error", re, code: "rate_limited", message: "", retry_after: 3 });
    await time.pass(2900);
    expect(sockets.last.all("message.send")).toHaveLength(1);
    await time.pass(100);
    expect(sockets.last.all("message.send")).toMatchObject([{ cid }, { cid }]);
  });

  test("a refused one fails, can be sent again or thrown away, and holds nobody up", async () => {
    const { sockets, client } = await ready();
    const cid = client.send(ROOM, "one");
    client.send(ROOM, "two");
    const re = sockets.last.command("message.send").id;
    await sockets.last.say({ type: "error", re, code: "forbidden", message: "Not here." });
    expect(client.state.outgoing[0]).toMatchObject({
      status: "failed",
      error: { code: "forbidden", message: "Not here." },
    });
    expect(sockets.last.all("message.send")).toHaveLength(2);
    await sockets.last.say({ type: "ok", re: sockets.last.command("message.send").id, message: "m1", seq: 1 });
    client.resend(cid);
    expect(sockets.last.all("message.send").at(-1)).toMatchObject({ cid, text: "one" });
    await sockets.last.say({
      type: "error",
      re: sockets.last.command("message.send").id,
      code: "forbidden",
      message: "",
    });
    client.discard(cid);
    expect(client.state.outgoing.map(({ text }) => text)).toEqual(["two"]);
  });

  test("unsent ones survive a reload, for the same user only", async () => {
    const storage = memory();
    const { sockets, client } = await ready(setUp(undefined, storage));
    await sockets.last.drop();
    const cid = client.send(ROOM, "hello");
    client.stop();

    const other = setUp(undefined, storage);
    other.client.start();
    await settled();
    await other.sockets.last.welcome([], { user: { id: "somebody", name: "", kind: "user" } });
    expect(other.client.state.outgoing).toEqual([]);

    const again = setUp(undefined, storage);
    again.client.start();
    await settled();
    await again.sockets.last.welcome();
    expect(again.sockets.last.all("message.send")).toMatchObject([{ cid, text: "hello" }]);
    await again.sockets.last.say({
      type: "ok",
      re: again.sockets.last.command("message.send").id,
      message: "m1",
      seq: 1,
    });
    expect(storage.data.size).toBe(0);
  });

  test("too many that wait are refused", async () => {
    const { client } = setUp();
    for (let count = 0; count < 200; count++) client.send(ROOM, "x");
    expect(() => client.send(ROOM, "x")).toThrow(ChatError);
  });
});

describe("rooms", () => {
  test("a gap is asked for once, and again when the server was busy", async () => {
    const { sockets, client, time } = await ready();
    await sockets.last.say(mine("b", 2), mine("c", 3));
    expect(sockets.last.all("room.sync")).toMatchObject([{ room: ROOM, rev: 0 }]);
    const re = sockets.last.command("room.sync").id;
    await sockets.last.say({ type: "error", re, code: "unavailable", message: "", retry_after: 1 });
    await time.pass(1000);
    expect(sockets.last.all("room.sync")).toHaveLength(2);
    const messages = [mine("a", 1), mine("b", 2), mine("c", 3)].map((event) => (event as { message: Message }).message);
    await sockets.last.say({ type: "room.changes", room: ROOM, rev: 3, messages, answers: [] });
    expect(client.state.rooms[ROOM]).toMatchObject({ rev: 3, sync: "none" });
  });

  test("a room of the resume list that failed is asked for again", async () => {
    const { sockets, client, time } = setUp();
    client.join(ROOM);
    client.start();
    await settled();
    await sockets.last.welcome([{ type: "error", room: ROOM, code: "unavailable", message: "", retry_after: 2 }]);
    await time.pass(2000);
    expect(sockets.last.all("room.sync")).toMatchObject([{ room: ROOM }]);
  });

  test("joining and leaving", async () => {
    const { sockets, client } = setUp();
    client.start();
    await settled();
    await sockets.last.welcome();
    client.join(ROOM);
    client.join(ROOM);
    expect(sockets.last.all("room.join")).toHaveLength(1);
    await sockets.last.say({ type: "ok", re: sockets.last.command("room.join").id }, EMPTY);
    expect(client.state.rooms[ROOM]?.rev).toBe(0);
    client.leave(ROOM);
    expect(sockets.last.all("room.leave")).toHaveLength(1);
    await sockets.last.say(mine("a", 1));
    expect(client.state.rooms[ROOM]?.messages).toEqual([]);
  });

  test("older messages come page by page", async () => {
    const world = new World();
    for (let index = 0; index < 8; index++) world.say("other", `${index}`);
    const all = [...world.now.messages.values()];
    const { sockets, client } = setUp();
    client.join(ROOM);
    client.start();
    await settled();
    await sockets.last.welcome([{ ...EMPTY, rev: 8, messages: all.slice(5) }]);
    const loading = client.loadOlder(ROOM);
    expect(sockets.last.command("room.history")).toMatchObject({ before: 6 });
    const messages = all.slice(0, 5).reverse();
    await sockets.last.say({ type: "ok", re: sockets.last.command("room.history").id, messages, more: false });
    await loading;
    expect(client.state.rooms[ROOM]).toMatchObject({ messages: all, from: 0, loading: false });
    await client.loadOlder(ROOM);
    expect(sockets.last.all("room.history")).toHaveLength(1);
  });

  test("a page that does not come can be asked for again", async () => {
    const { sockets, client } = setUp();
    client.join(ROOM);
    client.start();
    await settled();
    const world = new World();
    world.rename("later");
    world.say("other", "text");
    await sockets.last.welcome([{ ...EMPTY, rev: 2, messages: [...world.now.messages.values()] }]);
    const loading = client.loadOlder(ROOM);
    const re = sockets.last.command("room.history").id;
    await sockets.last.say({ type: "error", re, code: "unavailable", message: "away" });
    await expect(loading).rejects.toMatchObject({ code: "unavailable", message: "away" });
    expect(client.state.rooms[ROOM]).toMatchObject({ loading: false, from: 2 });
  });
});

describe("small signs", () => {
  test("typing is said now and then, and ended", async () => {
    const { sockets, client, time } = await ready();
    for (let key = 0; key < 8; key++) {
      client.typing(ROOM);
      await time.pass(500);
    }
    await time.pass(5000);
    expect(sockets.last.all("room.typing").map(({ on }) => on)).toEqual([true, true, false]);
  });

  test("documents on their way are told, and change no state", async () => {
    const { sockets, client } = await ready();
    const seen: string[] = [];
    const stop = client.onDocument(({ title, status, done, total }) =>
      seen.push(`${title} ${status} ${done}/${total}`),
    );
    const before = client.state;
    const document = { id: "d", collection: "c", title: "Rules", status: "embedding", done: 3, total: 9 } as const;
    await sockets.last.say({ type: "document", document });
    stop();
    await sockets.last.say({ type: "document", document });
    await sockets.last.say({ type: "of.another.version" } as unknown as ServerFrame);
    expect(seen).toEqual(["Rules embedding 3/9"]);
    expect(client.state).toBe(before);
  });

  test("what was read is told once, and with the next connection when there was none", async () => {
    const { sockets, client, time } = await ready();
    await sockets.last.say({
      type: "room.added",
      room: {
        room: ROOM,
        rev: 0,
        title: "Room",
        kind: "group",
        policy: "always",
        role: "member",
        read: 0,
        unread: 0,
        last: null,
      },
    });
    const world = new World();
    world.say("other", "one");
    world.say("other", "two");
    await sockets.last.say(...world.log);
    expect(client.state.rooms[ROOM]?.entry?.unread).toBe(2);
    client.read(ROOM, 1);
    client.read(ROOM);
    expect(client.state.rooms[ROOM]?.entry?.unread).toBe(0);
    await sockets.last.drop();
    await time.pass(500);
    await sockets.last.welcome();
    expect(sockets.opened.flatMap((socket) => socket.all("room.read")).map(({ seq }) => seq)).toEqual([2]);
  });
});

describe("however the stream is cut into frames", () => {
  test("the state is the same", async () => {
    const world = new World();
    world.ask("q");
    world.write(0, ["He"]);
    world.write(0, ["llo", " 世"]);
    world.write(0, ["界"]);
    world.end(0, "complete");
    world.say("me", "thanks");
    world.rename("Done");
    const frames = world.log;
    const states = new Set<string>();
    for (let cuts = 0; cuts < 2 ** (frames.length - 1); cuts++) {
      const { sockets, client } = await ready();
      let part: ServerFrame[] = [];
      for (const [index, frame] of frames.entries()) {
        part.push(frame);
        if (cuts & (1 << index) || index === frames.length - 1) {
          await sockets.last.say(...part);
          part = [];
        }
      }
      states.add(JSON.stringify(client.state.rooms));
    }
    expect(states.size).toBe(1);
    expect([...states][0]).toContain("Hello 世界");
  });

  test("and however its deltas were merged", async () => {
    const pieces = ["a", "b", "c", "d", "e", "f", "g", "h"];
    for (let cuts = 0; cuts < 2 ** (pieces.length - 1); cuts++) {
      const world = new World();
      world.ask("q");
      let part: string[] = [];
      for (const [index, piece] of pieces.entries()) {
        part.push(piece);
        if (cuts & (1 << index) || index === pieces.length - 1) {
          world.write(0, part);
          part = [];
        }
      }
      const { sockets, client } = await ready();
      await sockets.last.say(...world.log);
      expect(client.state.rooms[ROOM]?.answers.m2).toMatchObject({ n: 8, text: "abcdefgh" });
    }
  });
});
