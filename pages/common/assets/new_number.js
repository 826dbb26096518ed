// Tells by a short tone or by vibration that another number is shown.
let audio;

export default function ({ parentElement, data }) {
  const mark = parentElement.querySelector('i');
  const before = mark.dataset.number;
  mark.dataset.number = data.number;
  if (before === undefined || before === data.number || !data.number) return;
  if (data.vibration) navigator.vibrate?.(120);
  if (!data.sound) return;
  audio ??= new AudioContext();
  audio.resume();
  const tone = audio.createOscillator(), volume = audio.createGain();
  tone.frequency.value = 880;
  volume.gain.setValueAtTime(0.15, audio.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.2);
  tone.connect(volume).connect(audio.destination);
  tone.start();
  tone.stop(audio.currentTime + 0.2);
}
