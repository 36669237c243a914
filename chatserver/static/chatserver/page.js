// The page: a door (sign in, or enter as a visitor), rooms, and a room whose answers stream with their sources.

import { Client } from "./client.js";
import { TEXTS } from "./texts.js";

const $ = (selector, from = document) => from.querySelector(selector);
const SITE = new URLSearchParams(location.search).get("site") ?? "demo";
let texts, client, current = null, draw = 0, atEnd = true;

// --- words ----------------------------------------------------------------------------------------------------------

function speak(language) {
  texts = TEXTS[language];
  localStorage.setItem("language", language);
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = texts[node.dataset.text];
  for (const node of document.querySelectorAll("[data-placeholder]")) node.placeholder = texts[node.dataset.placeholder];
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", texts[node.dataset.label]);
  for (const node of $("#message").content.querySelectorAll("[data-text]")) node.textContent = texts[node.dataset.text];
  const other = language === "en" ? "zh-CN" : "en";
  Object.assign($("#language"), { textContent: other === "en" ? "English" : "中文", lang: other, onclick: () => { speak(other); $("#messages").replaceChildren(); redraw(); } });
}

// --- calls ----------------------------------------------------------------------------------------------------------

async function call(path, body, method = "POST") {
  const csrf = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? "";
  const answer = await fetch(`api/v1/${path}`, {
    method, body: body && JSON.stringify(body), headers: { "Content-Type": "application/json", "X-CSRFToken": csrf },
  });
  const data = answer.status === 204 ? {} : await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(data.detail ?? texts.wrong), { status: answer.status, ...data });
  return data;
}

async function visit() {
  const session = await call("widget/session", { site: SITE, visitor: localStorage.getItem("visitor") ?? undefined });
  localStorage.setItem("visitor", session.visitor);
  current = session.room;
  return session.ticket;
}

// --- door -----------------------------------------------------------------------------------------------------------

function door(message = "") {
  $("#door").hidden = false;
  $("#chat").hidden = $("#leave").hidden = true;
  $("#sign-in-error").textContent = message;
}

function enter(credentials) {
  $("#door").hidden = true;
  $("#chat").hidden = $("#leave").hidden = false;
  client = new Client(credentials);
  client.addEventListener("state", ({ detail }) => { $("#state").textContent = texts[detail]; });
  client.addEventListener("refused", () => { client.close(); sessionStorage.clear(); door(); });
  client.addEventListener("stopped", () => { $("#state").textContent = texts.closed; });
  client.addEventListener("error", ({ detail }) => { $("#state").textContent = detail.message; });
  client.addEventListener("rooms", () => { listRooms(); if (!current || !client.rooms.has(current)) open(first()); else if (!client.room(current).joined) open(current); });
  client.addEventListener("room", ({ detail }) => { if (detail === current) redraw(); });
  client.addEventListener("live", ({ detail }) => { if (detail.room === current) redraw(); });
  client.addEventListener("typing", ({ detail }) => { if (detail.room === current) $("#typing").textContent = detail.on ? texts.isTyping.replace("{}", nameOf(detail.user)) : ""; });
  client.connect();
}

$("#sign-in").onsubmit = async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  try {
    await call("auth/login", { username: form.get("username"), password: form.get("password") });
    sessionStorage.removeItem("visiting");
    event.target.reset();
    enter(() => null);
  } catch (error) {
    $("#sign-in-error").textContent = error.message;
  }
};
$("#visit").onclick = () => { sessionStorage.setItem("visiting", "yes"); enter(visit); };
$("#leave").onclick = async () => {
  client.close();
  if (!sessionStorage.getItem("visiting")) await call("auth/logout", {}).catch(() => {});
  sessionStorage.clear();
  location.reload();
};

// --- rooms ----------------------------------------------------------------------------------------------------------

const listed = () => [...client.rooms].filter(([, room]) => room.entry).map(([, room]) => room.entry);
const first = () => listed()[0]?.room ?? null;

function listRooms() {
  $("#rooms").replaceChildren(...listed().map((entry) => {
    const item = document.createElement("li");
    const button = item.appendChild(document.createElement("button"));
    button.type = "button";
    button.append(entry.title || texts.title);
    button.setAttribute("aria-current", String(entry.room === current));
    if (entry.unread && entry.room !== current) button.append(Object.assign(document.createElement("span"), { className: "unread", textContent: entry.unread }));
    button.onclick = () => open(entry.room);
    return item;
  }));
  $("#room-title").textContent = client.rooms.get(current)?.entry?.title || (current ? texts.title : texts.noRoom);
}

function open(room) {
  current = room;
  $("#messages").replaceChildren();
  atEnd = true;
  listRooms();
  if (room) client.join(room).catch(() => {});
  if (room && composer.early) {
    composer.early = false;
    $("#ask").requestSubmit();
  }
  redraw();
}

$("#new-room").onsubmit = async (event) => {
  event.preventDefault();
  try {
    const room = await call("rooms", { kind: "group", title: new FormData(event.target).get("title"), policy: "always" });
    event.target.reset();
    current = room.room;
  } catch (error) {
    $("#state").textContent = error.message;
  }
};

// --- a room ---------------------------------------------------------------------------------------------------------

const nameOf = (id) => [...(client.rooms.get(current)?.messages.values() ?? [])].find((message) => message.author.id === id)?.author.name ?? "…";
const redraw = () => { draw ||= requestAnimationFrame(render); };

function render() {
  draw = 0;
  const room = client?.rooms.get(current);
  const list = $("#messages");
  if (!room) return list.replaceChildren();
  const messages = [...room.messages.values()].sort((a, b) => a.seq - b.seq);
  for (const message of messages) {
    let item = document.getElementById(`m-${message.id}`);
    if (!item) {
      item = $("#message").content.firstElementChild.cloneNode(true);
      item.id = `m-${message.id}`;
      const after = messages.findLast((other) => other.seq < message.seq && document.getElementById(`m-${other.id}`));
      after ? document.getElementById(`m-${after.id}`).after(item) : list.prepend(item);
    }
    show(item, message, room.live.get(message.id));
  }
  $("#older").hidden = !messages.length || messages[0].seq <= 1 || room.complete === true;
  if (atEnd) list.scrollTop = list.scrollHeight;
  const last = messages.at(-1);
  if (last && room.entry && last.seq > (room.read ?? room.entry.read) && document.visibilityState === "visible") {
    room.read = last.seq;
    client.command({ type: "room.read", room: current, seq: last.seq }).catch(() => { room.read = undefined; });
  }
}

function show(item, message, live) {
  const pending = message.status === "pending";
  const text = pending ? live?.text ?? "" : message.text;
  const sources = pending ? live?.sources ?? [] : message.sources ?? [];
  const state = `${message.rev}/${live?.attempt}/${live?.n}/${live?.stage}/${sources.length}`;
  if (item.dataset.state === state) return;
  item.dataset.state = state;
  item.className = pending ? "live" : message.status;
  $(".author", item).textContent = message.author.name;
  Object.assign($("time", item), { dateTime: message.created, textContent: new Date(message.created).toLocaleTimeString(document.documentElement.lang, { timeStyle: "short" }) });
  $(".status", item).textContent = pending ? texts[live?.stage ?? "queued"] : message.status === "complete" ? "" : texts[message.status];
  $(".text", item).replaceChildren(...drawn(text, message, sources));
  const cited = pending ? sources.filter((source) => text.includes(`[${source.n}]`)) : sources;
  $(".sources", item).replaceChildren(...cited.map((source) => sourceItem(source, message)));
  Object.assign($(".stop", item), { hidden: !pending, onclick: () => act({ type: "answer.stop", message: message.id }) });
  Object.assign($(".retry", item), { hidden: !["failed", "stopped"].includes(message.status) || message.author.kind !== "assistant",
                                     onclick: () => act({ type: "answer.retry", message: message.id, attempt: message.attempt }) });
}

// The text is never markup: what a model or a document wrote is shown, not obeyed. Only citations and code stand out.
function drawn(text, message, sources) {
  return text.split(/(```[^\n]*\n[^]*?(?:\n```|$))/).flatMap((part, at) => (at % 2 ? code("pre", part.replace(/^.*\n|\n?```$/g, "")) : inline(part, message, sources)));
}

const code = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });

function inline(text, message, sources) {
  return text.split(/(\[\d+\]|`[^`\n]+`)/).map((part, at) => {
    if (at % 2 && part[0] === "`") return code("code", part.slice(1, -1));
    const source = sources.find((found) => part === `[${found.n}]`);
    if (!source) return document.createTextNode(part);
    return Object.assign(document.createElement("a"), { href: `#s-${message.id}-${source.n}`, textContent: part, title: source.title });
  });
}

function sourceItem(source, message) {
  const item = Object.assign(document.createElement("li"), { id: `s-${message.id}-${source.n}` });
  item.append(`[${source.n}] `);
  if (/^https?:\/\//.test(source.url ?? "")) item.append(Object.assign(document.createElement("a"), { href: source.url, textContent: source.title, rel: "noopener noreferrer", target: "_blank" }));
  else item.append(source.title);
  if (source.where) item.append(` · ${source.where}`);
  if (source.quote) item.append(Object.assign(document.createElement("q"), { textContent: source.quote }));
  return item;
}

const act = (command) => client.command(command).catch((error) => { $("#state").textContent = error.message ?? texts.waiting; });

$("#messages").onscroll = ({ target }) => { atEnd = target.scrollHeight - target.scrollTop - target.clientHeight < 40; };
$("#older").onclick = async () => {
  const room = client.room(current);
  const before = Math.min(...[...room.messages.values()].map((message) => message.seq));
  const page = await client.command({ type: "room.history", room: current, before, limit: 50 });
  for (const message of page.messages) client.store(room, message);
  room.complete = !page.more;
  atEnd = false;
  redraw();
};

const composer = $("#ask textarea");
composer.onkeydown = (event) => {
  // While an input method composes, Enter chooses a character (keyCode 229: Safari ends composition before the key).
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  $("#ask").requestSubmit();
};
composer.oninput = () => { if (current && Date.now() - (composer.told ?? 0) > 2000) { composer.told = Date.now(); client.command({ type: "room.typing", room: current, on: true }).catch(() => {}); } };
$("#ask").onsubmit = async (event) => {
  event.preventDefault();
  const text = composer.value.trim();
  if (!text) return;
  // Who is quick with Enter need not wait for the first room.
  if (!current) return void (composer.early = true);
  composer.value = "";
  atEnd = true;
  try {
    await client.post(current, text);
  } catch (error) {
    composer.value ||= text;
    $("#state").textContent = error.message;
  }
};

speak(localStorage.getItem("language") ?? (navigator.language.startsWith("zh") ? "zh-CN" : "en"));
if (document.body.dataset.signedIn === "yes") enter(() => null);
else if (sessionStorage.getItem("visiting")) enter(visit);
else door();
