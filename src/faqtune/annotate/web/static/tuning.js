// Tuning in the background: started, watched and stopped here, while people go on annotating.

import { get, inBoth, newAct, post } from "./api.js";
import { $, alarm, button, h, say } from "./dom.js";
import { addWords, language, t } from "./words.js";

addWords({
  en: {
    tune_hint: "Fine-tune the current model on everything that has been labelled so far. It runs in the background; go on annotating meanwhile.",
    current: "Current model", how: "How", tune_now: "Tune now", stop: "Stop", tune_again: "Tune again",
    share: "Share of hand-labelled conversations that trains", share_hint: "The others measure. Which ones is drawn by chance, before anybody labels them.",
    share_none: "So far no hand label trains. Starting writes this share into faqtune.toml.",
    running: "Tuning …", starting: "Starting …", working: "At work …", reordering: "The queue is being ordered anew with the tuned model …",
    cancelled: "Stopped. What had been done is kept: tuning again with the same labels goes on from there.",
    failed: "It failed: {problem}", taken_over: "The tuned model {run} is in use, and the queue was ordered anew with it.",
    not_better: "No step was better than {base} on the selection part: that model stays.",
    clearly_worse: "{run} is clearly worse on the calibration part: {base} stays in use.",
    trained_on: "{train} hand labels trained, {test} measured.", not_measured: "Not measured on the test part: {problem}.",
    table: "Before and after, on the test part", selection_table: "Before and after, on the selection part (the model was chosen on it)", before: "before", after: "after", figure: "figure",
    history: "Tunings so far", history_labels: "hand labels that trained", history_oscr: "OSCR@5% on the test part of then", history_use: "taken over", yes: "yes", no: "no",
    log: "What it said", saved_at: "Saved as {path}",
  },
  zh: {
    tune_hint: "用目前所有标注微调当前模型。在后台进行，期间可以继续标注。",
    current: "当前模型", how: "方案", tune_now: "开始微调", stop: "停止", tune_again: "再次微调",
    share: "用于训练的人工标注会话比例", share_hint: "其余用于评测。哪些用于哪一边，在标注之前就随机定好了。",
    share_none: "目前没有人工标注用于训练；开始时会把这个比例写入 faqtune.toml。",
    running: "正在微调……", starting: "正在启动……", working: "进行中……", reordering: "正在用微调后的模型重新排队……",
    cancelled: "已停止。已完成的部分会保留：标注不变时再次微调会接着进行。",
    failed: "失败：{problem}", taken_over: "微调后的模型 {run} 已启用，队列已据此重排。",
    not_better: "在挑选模型的数据上没有比 {base} 更好的：继续使用原模型。",
    clearly_worse: "{run} 在校准数据上明显变差：继续使用 {base}。",
    trained_on: "{train} 条人工标注用于训练，{test} 条用于评测。", not_measured: "未在测试数据上评测：{problem}。",
    table: "微调前后对比（测试数据）", selection_table: "微调前后对比（挑选模型所用的数据）", before: "微调前", after: "微调后", figure: "指标",
    history: "历次微调", history_labels: "用于训练的人工标注", history_oscr: "当时测试数据上的 OSCR@5%", history_use: "已启用", yes: "是", no: "否",
    log: "运行记录（程序输出，英文）", saved_at: "已保存到 {path}",
  },
});

const USUAL_SHARE = 0.7;
const POLL_MS = 1000;
const WATCH_MS = 5000;
let drawn = null;

export function tuneView(place) {
  const body = h("div", {});
  place.replaceChildren(h("section", { class: "page" }, h("h1", {}, t("view_tune")), h("p", {}, t("tune_hint")), body));
  const view = { title: t("view_tune"), open: true };
  view.leave = () => (view.open = false);
  let last = "";
  const poll = async () => {
    while (view.open) {
      try {
        const state = await get("/api/tuning");
        const now = JSON.stringify(state);
        if (now !== last && view.open) draw(body, state, view);
        last = now;
      } catch (error) {
        alarm(error.message, 3);
      }
      await new Promise((done) => setTimeout(done, POLL_MS));
    }
  };
  poll();
  return view;
}

function draw(body, state, view) {
  const kind = `${state.status} ${state.reordering} ${state.started ?? ""}`;
  if (drawn?.body === body && drawn.kind === kind && state.status === "running") return drawn.update(state);
  const parts = state.status === "running" ? running(state) : idle(state, view);
  drawn = { body, kind, update: parts.update };
  body.replaceChildren(...parts.nodes.filter(Boolean));
}

function running(state) {
  const bar = h("progress", { max: "1", "aria-label": t("running") });
  const what = h("p", { class: "quiet" });
  const log = h("pre", { tabindex: "0", lang: "en", "aria-label": t("log") });
  const update = (now) => {
    if (now.total) bar.value = now.done / now.total;
    else bar.removeAttribute("value");
    const doing = language === "zh" ? now.zh.what : now.what;
    const last = language === "zh" ? now.zh.last : now.lines.at(-1);
    what.textContent = doing ? `${doing} ${now.done} / ${now.total}` : last || t(now.lines.length ? "working" : "starting");
    log.textContent = now.lines.join("\n");
  };
  update(state);
  const stop = button(t("stop"), null, () => post("/api/tuning/cancel", { act: newAct() }).catch((error) => alarm(error.message)));
  return { update, nodes: [h("h2", {}, t("running")), bar, what, h("p", { class: "row" }, stop), h("details", {}, h("summary", {}, t("log")), log)] };
}

function idle(state, view) {
  const recipe = h("select", { id: "recipe" }, state.recipes.map((name) => h("option", { value: name, selected: name === state.recipe }, name)));
  const share = h("input", { id: "share", type: "number", min: "0", max: "1", step: "0.05", value: String(state.share || USUAL_SHARE) });
  const start = async () => {
    try {
      await post("/api/tuning", { act: newAct(), recipe: recipe.value, share: share.value === "" ? null : Number(share.value) });
    } catch (error) {
      alarm(error.message);
    }
  };
  const form = h(
    "div",
    { class: "panel" },
    h("p", { class: "field" }, h("label", { for: "recipe" }, t("how")), recipe),
    h("p", { class: "field" }, h("label", { for: "share" }, t("share")), share),
    h("p", { class: "quiet" }, state.share > 0 ? t("share_hint") : t("share_none")),
    h("p", { class: "row" }, button(t(state.status === "idle" ? "tune_now" : "tune_again"), null, start, { class: "go" })),
  );
  return { update() {}, nodes: [outcome(state), form, history(state.history)] };
}

/** The learning curve as it really was: each tuning with its labels and what it reached. */
function history(found) {
  if (!found.length) return null;
  const rate = (figure) => (figure ? `${(100 * figure.value).toFixed(1)} [${(100 * figure.low).toFixed(1)}, ${(100 * figure.high).toFixed(1)}]` : "–");
  const rows = found.map((one) => [one.run, String(one.labels), rate(one.oscr), t(one.taken_over ? "yes" : "no")]);
  return h("section", { class: "result" }, table({ header: ["", t("history_labels"), t("history_oscr"), t("history_use")], rows, notes: [] }, t("history")));
}

function outcome(state) {
  if (state.status === "cancelled") return h("p", {}, t("cancelled"));
  if (state.status === "failed") return h("p", { class: "bad" }, failure(state));
  if (state.status !== "done") return h("p", {}, `${t("current")}: `, h("b", {}, state.model));
  const result = state.result;
  const labels = { train: result.hand_labels.train, test: result.hand_labels.test };
  return h(
    "section",
    { class: "result" },
    h("p", { class: "verdict" }, state.reordering ? t("reordering") : verdict(result)),
    h("p", { class: "quiet" }, t("trained_on", labels), " ", result.not_measured && t("not_measured", { problem: language === "zh" ? state.zh.not_measured : result.not_measured })),
    result.tables ? table(result.tables[language], t("table")) : table(ofSelection(result), t("selection_table")),
    h("p", { class: "quiet" }, t("saved_at", { path: result.model })),
    h("details", {}, h("summary", {}, t("log")), h("pre", { tabindex: "0", lang: "en", "aria-label": t("log") }, state.lines.join("\n"))),
  );
}

const failure = (state) => t("failed", { problem: inBoth({ error: state.problem, next: state.next, zh: { error: state.zh.problem, next: state.zh.next } }) });

function verdict(result) {
  if (result.taken_over) return t("taken_over", result);
  return t(result.why === "selection" ? "not_better" : "clearly_worse", result);
}

function ofSelection(result) {
  const rows = Object.keys(result.before).filter((name) => name in result.after).map((name) => [name, result.before[name].toFixed(3), result.after[name].toFixed(3)]);
  return { header: [t("figure"), t("before"), t("after")], rows, notes: [] };
}

/** Cells as text, as `faqtune evaluate` prints them. */
function table(made, caption) {
  const cells = (row, tag) => row.map((cell, place) => h(place === 0 && tag === "td" ? "th" : tag, { scope: place === 0 && tag === "td" ? "row" : tag === "th" ? "col" : null }, cell));
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", {}, caption), h("thead", {}, h("tr", {}, made.header.map((cell) => (cell ? h("th", { scope: "col" }, cell) : h("td", {}))))), h("tbody", {}, made.rows.map((row) => h("tr", {}, cells(row, "td"))))),
    made.notes.map((note) => h("p", { class: "quiet" }, note)),
  );
}

/** Say on every view when a tuning has ended. */
export function watchTuning() {
  let before = null;
  setInterval(async () => {
    const state = await get("/api/tuning").catch(() => null);
    if (!state) return;
    const now = state.reordering ? "reordering" : state.status;
    if (before && now !== before && (now === "done" || now === "failed")) {
      const text = now === "done" ? verdict(state.result) : failure(state);
      say(text);
      if (location.hash !== "#tune") alarm(text, 10);
    }
    before = now;
  }, WATCH_MS);
  $("#saved").textContent = t("saved_all");
}
