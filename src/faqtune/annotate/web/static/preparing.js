// What is shown until the server has made everything ready: what it is doing, and how far it is.

import { get, inBoth } from "./api.js";
import { h, $ } from "./dom.js";
import { addWords, t } from "./words.js";

addWords({
  en: {
    preparing: "Getting ready", preparing_hint: "You can leave this page open: the first item comes by itself. What has been encoded is kept for the next start.",
    stage_reading: "Reading the project and loading the model …", stage_encoding: "Encoding what customers wrote: {done} of {total}{left}", stage_ordering: "Choosing what to ask first …",
    left_minutes: ", about {n} min left", left_seconds: ", about {n} s left", not_ready: "It could not be made ready", see_terminal: "The command has ended; its terminal says the same.",
  },
  zh: {
    preparing: "正在准备", preparing_hint: "可以让页面开着：准备好后会自动出现第一题。已完成的编码会保留，下次启动不必重来。",
    stage_reading: "正在读取项目、加载模型……", stage_encoding: "正在编码客户消息：{done} / {total}{left}", stage_ordering: "正在挑选先问哪些……",
    left_minutes: "，约剩 {n} 分钟", left_seconds: "，约剩 {n} 秒", not_ready: "没能准备好", see_terminal: "命令已结束，终端里有同样的说明。",
  },
});

const POLL_MS = 400;
const AWAY_MS = 1500;
let last = null;

/** Until everything is ready; never, if it cannot be made ready. */
export async function whenReady() {
  while (true) {
    try {
      last = await get("/api/ready");
      if (last.ready) return;
      drawPreparing();
      if (last.error) await new Promise(() => {});
      await new Promise((done) => setTimeout(done, POLL_MS));
    } catch {
      await new Promise((done) => setTimeout(done, AWAY_MS));
    }
  }
}

const left = (seconds) => (seconds === null ? "" : seconds < 90 ? t("left_seconds", { n: Math.max(1, Math.round(seconds)) }) : t("left_minutes", { n: Math.round(seconds / 60) }));

/** Draw what was last heard, in the language of now. */
export function drawPreparing() {
  if (!last) return;
  const encoding = last.stage === "encoding";
  const bar = h("progress", { max: "1", "aria-label": t("preparing"), value: encoding ? String(last.done / last.total) : null });
  const nodes = last.error
    ? [h("h1", {}, t("not_ready")), h("p", { class: "bad" }, inBoth(last)), h("p", { class: "quiet" }, t("see_terminal"))]
    : [h("h1", {}, t("preparing")), h("p", { role: "status" }, t(`stage_${last.stage}`, { ...last, left: left(last.seconds_left) })), bar, h("p", { class: "quiet" }, t("preparing_hint"))];
  $("#main").replaceChildren(h("section", { class: "page preparing" }, nodes));
}
