// One room of socket.io, as its documentation would have it, that is told on stdin to write: one line a run.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http, { transports: ["websocket"], serveClient: false });
io.on("connection", (socket) => socket.join("room"));
http.listen(0, "127.0.0.1", () => console.log(http.address().port));

createInterface({ input: process.stdin }).on("line", (line) => {
  const { rate, tokens, delta } = JSON.parse(line);
  let n = 0;
  const timer = setInterval(() => {
    n += 1;
    io.to("room").emit("answer.delta", { ...delta, n, text: ` word${n}` });
    if (n === tokens) {
      clearInterval(timer);
      io.to("room").emit("message", { ...delta, status: "complete" });
    }
  }, 1000 / rate);
});
