// What a caller hears, aloud: omega's words by the browser's own voice, the tone before a recording, and ringing.

const KEY = "omega-sandbox-mute";
let sound = null;

/** Whether calls are heard. */
export const on = () => localStorage.getItem(KEY) !== "yes";

/** Mute or unmute. */
export function toggle() {
  if (on()) {
    localStorage.setItem(KEY, "yes");
    window.speechSynthesis?.cancel();
  } else {
    localStorage.removeItem(KEY);
  }
}

/** Let a leg be heard as it goes on from `before`. */
export function follow(leg, before) {
  if (!on()) return;
  for (const words of leg.spoken.slice(before?.spoken.length ?? 0)) say(words);
  if (leg.phase === "records" && before?.phase !== "records") tone(880, 0.35);
  if (leg.phase === "ringing" && before?.phase !== "ringing" && leg.direction !== "inbound") tone(620, 0.18);
  if (leg.phase === "completed") window.speechSynthesis?.cancel();
}

function say(words) {
  if (!window.speechSynthesis || !window.SpeechSynthesisUtterance) return;
  window.speechSynthesis.speak(new SpeechSynthesisUtterance(words));
}

function tone(hertz, seconds) {
  sound ??= window.AudioContext ? new AudioContext() : null;
  if (!sound || sound.state !== "running") return;
  const [source, gain] = [sound.createOscillator(), sound.createGain()];
  source.frequency.value = hertz;
  gain.gain.setValueAtTime(0.09, sound.currentTime);
  gain.gain.exponentialRampToValueAtTime(0.001, sound.currentTime + seconds);
  source.connect(gain).connect(sound.destination);
  source.start();
  source.stop(sound.currentTime + seconds);
}
