// What people want changed in the catalogue.

import { get, newAct, post } from "./api.js";
import { proposeDialog } from "./dialogs.js";
import { alarm, button, h } from "./dom.js";
import { flushed } from "./outbox.js";
import { t } from "./words.js";

export function proposalsView(place) {
  const list = h("ul", { class: "rows" });
  const fill = async () => {
    await flushed();
    const { proposals } = await get("/api/proposals");
    list.replaceChildren(...(proposals.length ? proposals.map((one) => row(one, fill)) : [h("li", { class: "quiet" }, t("proposals_none"))]));
  };
  place.replaceChildren(
    h(
      "section",
      { class: "page" },
      h("h1", {}, t("view_proposals")),
      h("p", {}, t("proposals_hint")),
      h("p", { class: "row" }, button(t("propose"), null, () => proposeDialog(null).then(fill), { class: "main" }), h("a", { class: "button", href: "/export/proposals.xlsx", download: "" }, t("export_proposals"))),
      list,
    ),
  );
  fill().catch((error) => alarm(error.message));
  return { title: t("view_proposals") };
}

function row(one, fill) {
  const kind = one.kind === "same" ? t("same_entries") : one.what === "entry" ? t("missing_entry") : t("further_question");
  const about = one.kind === "same" ? one.questions.join(" = ") : one.questions.length ? `${one.question} → ${one.questions[0]}` : one.question;
  const remove = () => post("/api/withdraw", { act: newAct(), of: one.act }).then(fill, (error) => alarm(error.message));
  return h("li", {}, h("p", {}, h("span", { class: "source" }, kind), " ", h("strong", {}, about)), one.answer && h("p", {}, one.answer), one.note && h("p", {}, one.note), h("p", { class: "quiet" }, one.by, " · ", one.when.slice(0, 10), " ", button(t("remove"), null, remove, { class: "plain", "aria-label": `${t("remove")}: ${about}` })));
}
