// The client rules of docs/protocol.md: positions of rooms and answers, resume, reconnect with full jitter.

const HEARTBEAT = 25_000;
const GRACE = 10_000;
// Not crypto.randomUUID, which exists under https and on localhost only.
const random = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

export class Client extends EventTarget {
  /** `credentials()` gives the token for a new socket, or null where the session cookie says enough. */
  constructor(credentials) {
    super();
    this.credentials = credentials;
    this.rooms = new Map(); // id -> {entry, rev, messages: Map, live: Map, joined, syncing}
    this.epoch = null;
    this.user = null;
    this.waiting = new Map();
    this.unsent = new Map(); // cid -> message.send that is not acknowledged yet
    this.failures = 0;
    this.ids = 0;
    this.closed = false;
  }

  say(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }

  async connect() {
    if (this.closed) return;
    this.say("state", "connecting");
    let token;
    try {
      token = await this.credentials();
    } catch (error) {
      if (error.status === 401 || error.status === 403) return this.say("refused", error);
      return this.retry();
    }
    const address = new URL("ws", document.baseURI);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = this.socket = new WebSocket(address, "chat.v1.json");
    socket.onopen = () => {
      const rooms = [...this.rooms].filter(([, room]) => room.joined).slice(0, 200)
        .map(([id, room]) => (room.rev === null ? { room: id } : { room: id, rev: room.rev }));
      this.send({ type: "hello", client: "page/1", locale: document.documentElement.lang, rooms,
                  ...(token ? { token } : {}), ...(this.epoch ? { epoch: this.epoch } : {}) });
    };
    socket.onmessage = ({ data }) => { this.alive(); for (const line of data.split("\n")) this.receive(JSON.parse(line)); };
    socket.onclose = ({ code }) => { if (this.socket === socket) this.lost(this.bye ?? code); };
    this.bye = null;
    this.alive();
  }

  close() { this.closed = true; clearTimeout(this.timer); clearTimeout(this.pulse); this.socket?.close(); }

  alive() {
    clearTimeout(this.pulse);
    this.pulse = setTimeout(() => {
      if (this.socket?.readyState === WebSocket.OPEN) this.send({ type: "ping" });
      const socket = this.socket;
      this.pulse = setTimeout(() => { if (this.socket === socket) this.lost(1006); }, GRACE);
    }, HEARTBEAT);
  }

  lost(code) {
    clearTimeout(this.pulse);
    if (this.socket) { this.socket.onclose = this.socket.onmessage = null; this.socket.close(); this.socket = null; }
    for (const { reject } of this.waiting.values()) reject({ code: "lost" });
    this.waiting.clear();
    if (code === 4001 && this.user === null) return this.say("refused", { code });
    if (code === 4002 || code === 4003) return this.say("stopped", { code });
    this.retry(code === 4012 || code === 1012 ? 5000 : null);
  }

  retry(within = null) {
    const most = within ?? Math.min(30_000, 500 * 2 ** this.failures++);
    this.say("state", "waiting");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), Math.max(this.notBefore ?? 0, Math.random() * most));
    this.notBefore = 0;
  }

  send(command) {
    const id = String(++this.ids);
    this.socket.send(JSON.stringify({ ...command, id }));
    return id;
  }

  /** Send a command; resolves with its `ok`, rejects with its `error` (or {code: "lost"}). */
  command(command) {
    if (this.socket?.readyState !== WebSocket.OPEN) return Promise.reject({ code: "lost" });
    return new Promise((resolve, reject) => this.waiting.set(this.send(command), { resolve, reject }));
  }

  /** Send a message; it is repeated with its cid until the server has acknowledged or refused it. */
  async post(room, text) {
    const command = { type: "message.send", room, cid: random(), text };
    this.unsent.set(command.cid, command);
    await this.deliver(command);
  }

  async deliver(command) {
    try {
      await this.command(command);
      this.unsent.delete(command.cid);
    } catch (error) {
      if (error.code === "unavailable" && this.socket) return setTimeout(() => this.deliver(command), 1000 * (error.retry_after ?? 1));
      if (error.code !== "lost") { this.unsent.delete(command.cid); throw error; }
    }
  }

  room(id) {
    let room = this.rooms.get(id);
    if (!room) this.rooms.set(id, room = { entry: null, rev: null, messages: new Map(), live: new Map(), joined: false, syncing: false });
    return room;
  }

  async join(id) {
    const room = this.room(id);
    room.joined = true;
    await this.command({ type: "room.join", room: id, ...(room.rev === null ? {} : { rev: room.rev }) });
  }

  sync(id) {
    const room = this.room(id);
    if (room.syncing) return;
    room.syncing = true;
    this.command({ type: "room.sync", room: id, ...(room.rev === null ? {} : { rev: room.rev }) }).catch(() => { room.syncing = false; });
  }

  receive(frame) {
    const waiting = frame.re && this.waiting.get(frame.re);
    if (waiting) {
      this.waiting.delete(frame.re);
      frame.type === "error" ? waiting.reject(frame) : waiting.resolve(frame);
    }
    switch (frame.type) {
      case "welcome": return this.welcome(frame);
      case "ready":
        this.failures = 0;
        this.say("state", "ready");
        for (const command of [...this.unsent.values()]) this.deliver(command).catch((error) => this.say("error", error));
        return;
      case "error":
        if (frame.room) this.room(frame.room).syncing = false;
        if (!waiting && !frame.room) frame.code === "unavailable" ? this.retry() : this.say("error", frame);
        return;
      case "bye":
        this.bye = frame.code;
        this.notBefore = (frame.retry_after ?? 0) * 1000;
        return;
      case "room.changes": return this.changes(frame);
      case "message": return this.event(frame, (room) => this.store(room, frame.message));
      case "room.updated": return this.event(frame, (room) => { if (room.entry) Object.assign(room.entry, { title: frame.meta.title, policy: frame.meta.policy }); });
      case "answer.delta": return this.delta(frame);
      case "answer.stage": return this.stage(frame);
      case "room.added": this.room(frame.room.room).entry = frame.room; return this.say("rooms");
      case "room.summary": case "room.you": {
        const entry = this.room(frame.room).entry;
        if (entry) Object.assign(entry, { unread: frame.unread, ...(frame.last ? { last: frame.last } : {}) });
        return this.say("rooms");
      }
      case "room.gone": this.rooms.delete(frame.room); return this.say("rooms");
      case "room.typing": return this.say("typing", frame);
    }
  }

  welcome(frame) {
    if (this.epoch !== null && this.epoch !== frame.epoch) {
      for (const room of this.rooms.values()) { room.rev = null; room.messages.clear(); room.live.clear(); }
    }
    this.epoch = frame.epoch;
    this.user = frame.user;
    for (const entry of frame.rooms) this.room(entry.room).entry = entry;
    this.say("rooms");
  }

  changes(frame) {
    const room = this.room(frame.room);
    room.syncing = false;
    if (frame.reset) { room.messages.clear(); room.live.clear(); }
    for (const message of frame.messages) this.store(room, message);
    for (const answer of frame.answers) room.live.set(answer.message, { ...answer });
    room.rev = frame.reset ? frame.rev : Math.max(frame.rev, room.rev ?? 0);
    if (frame.meta && room.entry) Object.assign(room.entry, { title: frame.meta.title, policy: frame.meta.policy });
    this.say("room", frame.room);
    if (frame.more) this.sync(frame.room);
  }

  event(frame, apply) {
    const room = this.room(frame.room);
    if (room.rev !== null && frame.rev <= room.rev) return;
    if (room.rev === null || frame.rev !== room.rev + 1) return this.sync(frame.room);
    room.rev = frame.rev;
    apply(room);
    this.say("room", frame.room);
  }

  store(room, message) {
    const known = room.messages.get(message.id);
    if (known && message.rev <= known.rev) return;
    room.messages.set(message.id, message);
    const live = room.live.get(message.id);
    if (live && message.status !== "pending" && live.attempt <= message.attempt) room.live.delete(message.id);
  }

  answer(frame) {
    const room = this.room(frame.room);
    const known = room.messages.get(frame.message);
    if (known && (frame.attempt < known.attempt || (frame.attempt === known.attempt && known.status !== "pending"))) return null;
    let live = room.live.get(frame.message);
    if (!live || frame.attempt > live.attempt) room.live.set(frame.message, live = { attempt: frame.attempt, n: 0, text: "", stage: "queued", sources: [] });
    return frame.attempt < live.attempt ? null : live;
  }

  delta(frame) {
    const live = this.answer(frame);
    const merged = frame.merged ?? 1;
    if (!live || frame.n <= live.n) return;
    if (frame.n - merged === live.n) live.text += frame.text;
    else if (merged === frame.n) live.text = frame.text;
    else return this.sync(frame.room);
    live.n = frame.n;
    this.say("live", { room: frame.room, message: frame.message });
  }

  stage(frame) {
    const live = this.answer(frame);
    if (!live) return;
    live.stage = frame.stage;
    if (frame.sources) live.sources = frame.sources;
    this.say("live", { room: frame.room, message: frame.message });
  }
}
