/** A short tone, made by the browser: no file to load, nothing for a content security policy to allow. */

const NOTES = [660, 880];

let context: AudioContext | null = null;

export function ring(): void {
  try {
    context ??= new AudioContext();
    void context.resume();
    for (const [index, note] of NOTES.entries()) tone(context, note, context.currentTime + index * 0.12);
  } catch {
    // No audio device, or too many contexts on the page.
  }
}

function tone(context: AudioContext, frequency: number, start: number): void {
  const sound = context.createOscillator();
  const volume = context.createGain();
  sound.frequency.value = frequency;
  volume.gain.setValueAtTime(0, start);
  volume.gain.linearRampToValueAtTime(0.08, start + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.001, start + 0.25);
  sound.connect(volume).connect(context.destination);
  sound.start(start);
  sound.stop(start + 0.26);
}
