/* The files of a reply: by button, by drag, by paste; each that cannot go says why, and what can be done. */
import { toast, words } from "./page.js";

const find = (id) => document.getElementById(id);

export class Files {
  constructor(box) {
    this.box = box;
    this.chosen = { sms: [], email: [] };
  }

  /* Those that go by this way; a note has none. */
  of(mode) {
    return this.chosen[mode] || [];
  }

  clear(mode) {
    if (mode in this.chosen) this.put(mode, []);
  }

  put(mode, files) {
    this.chosen[mode] = files;
    this.show();
  }

  listen(area, body) {
    const isFiles = (event) => [...event.dataTransfer.types].includes("Files");
    area.addEventListener("dragover", (event) => {
      if (!isFiles(event)) return;
      event.preventDefault();
      area.dataset.drop = words.drop;
    });
    area.addEventListener("dragleave", (event) => {
      if (!area.contains(event.relatedTarget)) delete area.dataset.drop;
    });
    area.addEventListener("drop", (event) => {
      delete area.dataset.drop;
      if (!isFiles(event)) return;
      event.preventDefault();
      this.add([...event.dataTransfer.files]);
    });
    body.addEventListener("paste", (event) => {
      const files = [...event.clipboardData.files];
      if (!files.length) return;
      event.preventDefault();
      this.add(files);
    });
  }

  add(files) {
    if (!files.length) return;
    const { mode, facts } = this.box;
    if (mode === "note") {
      toast(words.filesNot, { tone: "danger", seconds: 7 });
      return;
    }
    if (facts[mode].closed) {
      this.refuse([facts[mode].closed], files);
      return;
    }
    const refused = [];
    const why = [];
    for (const file of files) {
      const reason = this.whyNot(file, facts[mode].files);
      if (!reason) this.of(mode).push(file);
      else {
        refused.push(file);
        why.push(`${file.name}: ${reason}`);
      }
    }
    this.refuse(why, refused);
    this.show();
  }

  /* Why this file cannot go besides those that are chosen; empty where it can. The server has the last word. */
  whyNot(file, rule) {
    const chosen = this.of(this.box.mode);
    const size = chosen.reduce((sum, one) => sum + one.size, file.size);
    const isFit = !rule.kinds || rule.kinds.some((kind) => file.type === kind || (kind.endsWith("/") && file.type.startsWith(kind)));
    if (rule.closed) return rule.closed;
    if (!file.size) return words.fileEmpty;
    if (!isFit) return words.fileKind;
    if (chosen.length >= rule.most) return words.fileMany.replace("{most}", rule.most);
    if (size > rule.bytes) return words.fileLarge.replace("{megabytes}", Math.floor(rule.bytes / 1000000));
    return "";
  }

  /* What a text cannot carry, an e-mail may: the words and the files go over together. */
  refuse(why, files) {
    const { box } = this;
    const mayMail = why.length && box.mode === "sms" && !box.facts.email.closed;
    const text = find("instead-email").content.textContent;
    box.say(why, mayMail ? { text, run: () => this.byMail(files) } : null);
  }

  byMail(files) {
    const { box } = this;
    box.say([]);
    if (!box.kept.email) box.kept.email = box.kept.sms;
    box.kept.expected.email ??= box.timeline.last;
    const all = [...this.of("sms"), ...files];
    this.clear("sms");
    box.turnTo("email");
    this.add(all);
    box.body.focus();
  }

  show() {
    const { mode } = this.box;
    const items = this.of(mode).map((file, place) => this.item(file, () => this.put(mode, this.of(mode).toSpliced(place, 1))));
    find("box-files").replaceChildren(...items);
    this.box.count();
  }

  item(file, leaveOut) {
    const item = document.createElement("li");
    const name = document.createElement("bdi");
    name.textContent = file.name;
    const size = document.createElement("span");
    size.className = "om-subtle";
    size.textContent = sized(file.size);
    const away = document.createElement("button");
    away.type = "button";
    away.textContent = "×";
    away.setAttribute("aria-label", `${words.take}: ${file.name}`);
    away.addEventListener("click", () => {
      leaveOut();
      this.box.body.focus();
    });
    item.append(name, size, away);
    return item;
  }
}

function sized(bytes) {
  const isLarge = bytes >= 1000000;
  const unit = isLarge ? "megabyte" : "kilobyte";
  const shown = { style: "unit", unit, maximumFractionDigits: isLarge ? 1 : 0 };
  return new Intl.NumberFormat(undefined, shown).format(isLarge ? bytes / 1000000 : Math.max(1, bytes / 1000));
}
