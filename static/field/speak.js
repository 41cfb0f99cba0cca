// 读给我听: the next step aloud, where the browser has a voice.
import { button, t } from "./dom.js";

export function speaker(text) {
  if (!("speechSynthesis" in window) || !window.SpeechSynthesisUtterance) return "";
  const one = button(t("read_aloud"), () => {
    const talking = window.speechSynthesis.speaking;
    window.speechSynthesis.cancel();
    if (talking) return;
    const speech = new SpeechSynthesisUtterance(text());
    speech.lang = "zh-CN";
    speech.rate = 0.9;
    window.speechSynthesis.speak(speech);
  });
  one.dataset.speak = "";
  return one;
}
