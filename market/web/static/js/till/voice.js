// Sound first, then words. One after the other, in order; the last one can be heard again.

const SPEECH_AFTER_MS = 150;
const START_WAIT_MS = 1_500;
const SPOKEN_MAX_MS = 15_000;
const SOUNDS = new URL("../../sounds/", import.meta.url);
const MUTED = "till-muted";

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

export class Voice extends EventTarget {
  constructor() {
    super();
    this.queue = [];
    this.last = null;
    this.muted = localStorage.getItem(MUTED) === "1";
    this.players = new Map();
    speechSynthesis?.getVoices?.();
  }

  setMuted(muted) {
    this.muted = muted;
    localStorage.setItem(MUTED, muted ? "1" : "0");
    if (muted) {
      this.queue.length = 0;
      window.speechSynthesis?.cancel();
    }
  }

  /** `sound` is a file's name; `clips` are said where the phone cannot speak Vietnamese. */
  say({ sound, text = "", clips = [], keep = true }) {
    const saying = { sound, text, clips };
    if (keep) this.last = saying;
    if (this.muted) return;
    this.queue.push(saying);
    this.#run();
  }

  again() {
    if (this.last) {
      this.queue.push(this.last);
      this.#run();
    }
  }

  async #run() {
    if (this.running) return;
    this.running = true;
    while (this.queue.length) {
      const saying = this.queue.shift();
      await this.#play(saying.sound);
      if (saying.text) {
        await sleep(SPEECH_AFTER_MS);
        if (!(await this.#speak(saying.text))) for (const clip of saying.clips) await this.#play(`so/${clip}`);
      }
    }
    this.running = false;
  }

  #player(name) {
    if (!this.players.has(name)) this.players.set(name, new Audio(new URL(`${name}.mp3`, SOUNDS)));
    return this.players.get(name);
  }

  async #play(name) {
    if (!name) return;
    const player = this.#player(name);
    try {
      player.currentTime = 0;
      const ended = new Promise((resolve) => { player.onended = player.onerror = resolve; });
      await player.play();
      this.dispatchEvent(new CustomEvent("sound", { detail: true }));
      await Promise.race([ended, sleep(4000)]);
    } catch (error) {
      if (error.name === "NotAllowedError") this.dispatchEvent(new CustomEvent("sound", { detail: false }));
    }
  }

  // Resolves to false where this phone has no Vietnamese voice.
  #speak(text) {
    const synthesis = window.speechSynthesis;
    if (!synthesis) return Promise.resolve(false);
    const voices = synthesis.getVoices();
    const voice = voices.find((one) => one.lang.replace("_", "-").toLowerCase().startsWith("vi"));
    if (voices.length && !voice) return Promise.resolve(false);
    const words = new SpeechSynthesisUtterance(text);
    words.lang = "vi-VN";
    if (voice) words.voice = voice;
    words.rate = 0.95;
    return new Promise((resolve) => {
      const silent = setTimeout(() => {
        synthesis.cancel();
        resolve(false);
      }, START_WAIT_MS);
      words.onstart = () => {
        clearTimeout(silent);
        setTimeout(() => resolve(true), SPOKEN_MAX_MS);
      };
      words.onend = () => {
        clearTimeout(silent);
        resolve(true);
      };
      words.onerror = () => {
        clearTimeout(silent);
        resolve(false);
      };
      synthesis.speak(words);
    });
  }
}
