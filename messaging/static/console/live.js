/* What happens elsewhere: one stream of hints, and a question for what they concern. Nothing typed is touched. */
import { bar, business, clearBar, isLogin, root, sessionOver, url, words } from "./page.js";

const OFFLINE_MS = 4000;
const GATHER_MS = 60;
const TRY_AGAIN_MS = 30000;

export class Live {
  /* `hear(ids, messages)` is called with the conversations and messages that changed, `present` with who is where. */
  constructor({ hear, present, anew }) {
    this.place = root.dataset.position;
    Object.assign(this, { hear, present, anew, failures: 0, ids: new Set(), messages: new Set() });
    this.connect();
    window.addEventListener("online", () => this.connect());
    window.addEventListener("offline", () => this.tellOffline());
  }

  /* The process for open windows; where it does not answer, the short form of the same from the web. */
  address() {
    const own = new URL(url("live/"), window.location.href);
    const far = new URL(root.dataset.live, window.location.href);
    if (far.hostname === "127.0.0.1" && own.hostname === "localhost") far.hostname = "localhost";
    const chosen = this.isShort ? own : far;
    chosen.searchParams.set("business", business());
    chosen.searchParams.set("after", this.place);
    return chosen;
  }

  connect() {
    this.source?.close();
    window.clearTimeout(this.timer);
    const source = new EventSource(this.address(), { withCredentials: true });
    this.source = source;
    source.addEventListener("open", () => this.opened());
    source.addEventListener("error", () => this.cut(source));
    source.addEventListener("changes", (event) => this.changed(event));
    source.addEventListener("here", (event) => this.present(JSON.parse(event.data)));
    source.addEventListener("anew", (event) => {
      this.place = event.lastEventId || this.place;
      this.anew();
    });
    source.addEventListener("over", () => this.isOver());
  }

  isOver() {
    this.source.close();
    sessionOver();
  }

  opened() {
    this.failures = 0;
    window.clearTimeout(this.offline);
    this.offline = null;
    clearBar();
    root.dataset.connected = this.isShort ? "short" : "yes";
  }

  cut(source) {
    if (source !== this.source) return;
    this.offline ??= window.setTimeout(() => this.tellOffline(), OFFLINE_MS);
    const asksAgain = source.readyState !== EventSource.CLOSED; // by itself, with what it heard last
    if (asksAgain && (this.isShort || this.failures < 2)) {
      this.failures += this.isShort ? 0 : 1;
      return;
    }
    root.dataset.connected = "no";
    this.failures += 1;
    source.close();
    if (this.failures === 2) this.askWhether();
    if (this.failures > 2 && !this.isShort) this.goShort();
    this.timer = window.setTimeout(() => this.connect(), Math.min(400 * this.failures, 5000));
  }

  tellOffline() {
    root.dataset.connected = "no";
    bar(words.offline, { text: words.now, run: () => this.connect() });
  }

  goShort() {
    this.isShort = true;
    window.setTimeout(() => {
      this.isShort = false;
      this.connect();
    }, TRY_AGAIN_MS);
  }

  /* A stream that is refused says no reason: the page's own door does. */
  async askWhether() {
    try {
      const answer = await fetch(url("news/") + `?business=${business()}`);
      if (answer.redirected && isLogin(answer.url)) this.isOver();
    } catch {
      /* offline, which the bar says */
    }
  }

  changed(event) {
    this.place = event.lastEventId || this.place;
    for (const [kind, id, conversation] of JSON.parse(event.data)) {
      if (conversation) this.ids.add(conversation);
      if (kind.startsWith("message") || kind.startsWith("call")) this.messages.add(id);
    }
    this.gathering ??= window.setTimeout(() => this.tell(), GATHER_MS);
  }

  tell() {
    this.gathering = null;
    const ids = [...this.ids];
    const messages = [...this.messages];
    this.ids.clear();
    this.messages.clear();
    this.hear(ids, messages);
  }
}
