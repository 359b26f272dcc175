// The organisation's details, filled in by an admin: what the client page says of it, its hours,
// others who can help, how long conversations are kept. Saving signs all of it.

import { ADMIN } from "../roster/roster.js";
import { NoAnswer, Refusal } from "./api.js";
import { button, el, field, newProblem, whileBusy } from "./dom.js";
import { changedBetween, NotNewest, readVersion } from "./organisation.js";
import { sheet } from "./sheet.js";

const PRESETS = ["hours", "short", "counselling"];
const DAY_HOURS = 24;

const input = (value, props = {}) => el("input", { value, ...props });
const area = (value, rows) => el("textarea", { rows, value, dir: "auto" });
const linesOf = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

function choice(name, value, label, isChosen, isFixed = false) {
  const id = `${name}-${value}`;
  const box = el("input", { type: "radio", name, value, id, checked: isChosen, disabled: isFixed });
  return { box, row: el("p", { class: "choose" }, box, el("label", { for: id }, label)) };
}

const chosenOf = (choices) => choices.find(({ box }) => box.checked)?.box.value ?? null;

/** Rows for others who can help. */
function signpostRows(t, posts, onChange) {
  const list = el("div", { class: "posts" });
  const rows = [];
  function add({ name = "", how = "", telephone = "" } = {}) {
    const own = { name: input(name), how: input(how), telephone: input(telephone, { dir: "ltr" }) };
    const row = el(
      "fieldset",
      { class: "post" },
      el("legend", { class: "visually-hidden" }, t("details.post")),
      field(t("details.post_name"), own.name),
      field(t("details.post_how"), own.how),
      field(t("details.post_telephone"), own.telephone),
      button(t("details.post_drop"), () => {
        rows.splice(rows.indexOf(own), 1);
        row.remove();
        onChange();
      }),
    );
    row.addEventListener("input", onChange);
    rows.push(own);
    list.append(row);
  }
  posts.forEach(add);
  return {
    list,
    add,
    clear() {
      rows.length = 0;
      list.replaceChildren();
    },
    value: () =>
      rows
        .map(({ name, how, telephone }) => ({
          name: name.value.trim(),
          how: how.value.trim(),
          telephone: telephone.value.trim(),
        }))
        .filter((post) => post.name || post.how || post.telephone),
  };
}

/**
 * @param {object} session t, now @param {import("./sign_in.js").Member} member
 * @param {object} organisation of newOrganisation
 * @param {{part?: string, onSaved: () => void}} given `part` is looked at first
 */
export async function showDetails({ t, now }, member, organisation, { part = "", onSaved }) {
  const loaded = await organisation.load();
  const dialog = sheet(t("details.title"));
  dialog.classList.add("wide");
  const form = detailsForm({ t, now }, member, organisation, loaded, { dialog, onSaved });
  dialog.append(...form.filter(Boolean)); // `append` would write what is left away as "false"
  const goal = part && dialog.querySelector(`[data-part="${part}"]`);
  (goal || dialog).scrollIntoView({ block: "start" });
  (goal || dialog).querySelector("input, textarea, select")?.focus();
}

function detailsForm({ t, now }, member, organisation, loaded, { dialog, onSaved }) {
  const { details, countries, reachable } = loaded;
  const problem = newProblem();
  const seconds = () => Math.floor(now() / 1000);
  const part = (name, ...children) =>
    el("fieldset", { class: "part", "data-part": name }, el("legend", {}, t(`details.${name}`)), children);

  // --- trial or for real, who we are --------------------------------------------------------
  const modes = ["trial", "real"].map((mode) =>
    choice("mode", mode, t(`setup.mode_${mode}`), details.mode === mode, reachable),
  );
  const name = input(details.organisation);
  const responsible = input(details.responsible);
  const contact = input(details.data_contact);
  const complain = area(details.complain, 2);
  const mustTell = area(details.must_tell, 3);
  const limits = area(details.limits, 2);
  const languages = input(details.languages.join(", "), { dir: "ltr" });

  // --- country, hours, others ---------------------------------------------------------------
  const names = new Intl.DisplayNames([document.documentElement.lang || "en"], { type: "region" });
  const country = el(
    "select",
    {},
    el("option", { value: "" }, t("details.country_none")),
    countries.map(({ code }) =>
      el("option", { value: code, selected: code === details.country }, names.of(code)),
    ),
  );
  const emergency = input(details.emergency_number, { dir: "ltr" });
  const zone = input(details.time_zone, { dir: "ltr" });
  const hours = el("textarea", { rows: 3, dir: "ltr", value: details.hours.join("\n") });
  const checked = el("input", { type: "checkbox", id: "posts-checked" });
  const posts = signpostRows(t, details.signposts, () => {
    checked.checked = false;
  });
  const prefill = button(t("details.prefill"), () => {
    const found = countries.find(({ code }) => code === country.value);
    if (!found) {
      problem.tell(t("details.prefill_none"));
      return;
    }
    problem.clear();
    emergency.value = found.emergency;
    zone.value = found.time_zone;
    posts.clear();
    found.signposts.forEach(posts.add);
    checked.checked = false;
  });
  const told = (seconds_, key) => el("p", { class: "hint" }, seconds_ ? t(key, { date: t.day(seconds_ * 1000) }) : "");

  // --- keeping ------------------------------------------------------------------------------
  const presets = PRESETS.map((preset) => {
    const { inactivity_hours: idle, absolute_hours: whole } = loaded.presets[preset];
    const days = whole / DAY_HOURS;
    const label = t(`details.keep_${preset}`, { hours: idle, days: idle / DAY_HOURS, latest: days });
    const isChosen = (details.retention ?? "short") === preset;
    return choice("retention", preset, label, isChosen, loaded.own_policy);
  });
  const tried = el("input", { type: "checkbox", id: "backup-tried" });
  const tick = (box, label) =>
    el("p", { class: "choose" }, box, el("label", { for: box.id }, label));

  function changes() {
    return {
      mode: chosenOf(modes) ?? details.mode,
      organisation: name.value.trim(),
      responsible: responsible.value.trim(),
      data_contact: contact.value.trim(),
      complain: complain.value.trim(),
      must_tell: mustTell.value.trim(),
      limits: limits.value.trim(),
      country: country.value,
      languages: languages.value.split(/[\s,;]+/).filter(Boolean),
      emergency_number: emergency.value.trim(),
      time_zone: zone.value.trim(),
      hours: linesOf(hours.value),
      signposts: posts.value(),
      signposts_checked: checked.checked ? seconds() : keptCheck(),
      retention: loaded.own_policy ? details.retention : chosenOf(presets),
      backup_tried: tried.checked ? seconds() : details.backup_tried,
    };
  }

  /** A check holds for the numbers that were checked, and for no others. */
  const keptCheck = () =>
    JSON.stringify(posts.value()) === JSON.stringify(details.signposts)
      ? details.signposts_checked
      : 0;

  const save = button(
    t("team.save"),
    () =>
      whileBusy(save, t("desk.wait"), async () => {
        try {
          await organisation.save(changes(), loaded);
          dialog.close();
          onSaved();
        } catch (error) {
          problem.tell(saveTrouble(error, t));
        }
      }),
    "main",
  );

  return [
    loaded.missing && el("p", { class: "warning", role: "alert" }, t("ready.saved_missing")),
    part("mode", modes.map(({ row }) => row), reachable && el("p", { class: "hint" }, t("details.mode_fixed"))),
    part(
      "about",
      field(t("details.organisation"), name),
      field(t("details.responsible"), responsible),
      field(t("details.data_contact"), contact, t("details.data_contact_hint")),
      field(t("details.complain"), complain),
      field(t("details.must_tell"), mustTell, t("details.must_tell_hint")),
      field(t("details.limits"), limits, t("details.limits_hint")),
      field(t("details.languages"), languages, t("details.languages_hint")),
    ),
    part(
      "signposts",
      field(t("details.country_label"), country),
      el("p", { class: "choices" }, prefill),
      el("p", { class: "hint" }, t("details.prefill_hint")),
      field(t("details.emergency"), emergency),
      posts.list,
      el("p", { class: "choices" }, button(t("details.post_add"), () => posts.add())),
      tick(checked, t("details.checked_today")),
      told(details.signposts_checked, "details.checked_on"),
    ),
    part("hours", field(t("details.zone"), zone, t("details.zone_hint")), field(t("details.hours_label"), hours, t("details.hours_hint"))),
    part(
      "keeping",
      loaded.own_policy && el("p", { class: "hint" }, t("details.keep_file")),
      presets.map(({ row }) => row),
      el("p", { class: "hint" }, t("details.keep_hint")),
      tick(tried, t("details.backup_today")),
      told(details.backup_tried, "details.backup_on"),
    ),
    history(t, now, member.roster, loaded.versions),
    problem.place,
    el("p", { class: "choices" }, member.roles & ADMIN && save, button(t("desk.cancel"), () => dialog.close())),
  ];
}

const LABELS = {
  mode: "details.mode",
  organisation: "details.organisation",
  responsible: "details.responsible",
  data_contact: "details.data_contact",
  complain: "details.complain",
  must_tell: "details.must_tell",
  limits: "details.limits",
  country: "details.country_label",
  languages: "details.languages",
  emergency_number: "details.emergency",
  time_zone: "details.zone",
  hours: "details.hours_label",
  signposts: "details.signposts",
  retention: "details.keeping",
};

/** @returns {string[]} what a version changed, as the form calls it */
const changedLabels = (t, before, after) =>
  changedBetween(before, after)
    .filter((name) => name in LABELS)
    .map((name) => t(LABELS[name]));

function history(t, now, roster, versions) {
  const read = versions.map((version) => readVersion(roster, version));
  const rows = read.map(({ madeMs, name, said }, i) => {
    const time = t.moment(madeMs, now());
    const labels = i + 1 < read.length ? changedLabels(t, read[i + 1].said, said) : [];
    return el(
      "li",
      {},
      name ? t("details.changed_by", { name, time }) : t("details.changed_unknown", { time }),
      labels.length > 0 && el("span", { class: "meta" }, ` ${t.list(labels)}`),
    );
  });
  return (
    rows.length > 0 &&
    el("details", {}, el("summary", {}, t("details.history")), el("ol", { class: "versions" }, rows))
  );
}

/** @param {unknown} error @param {Function} t @returns {string} */
function saveTrouble(error, t) {
  if (error instanceof NotNewest) {
    return t("details.not_newest");
  }
  if (error instanceof NoAnswer) {
    return t("signin.no_connection");
  }
  if (error instanceof Refusal) {
    const known = { malformed: "details.not_valid", moved_on: "details.moved_on" };
    return t(known[error.code] ?? "trouble.not_done");
  }
  throw error;
}
