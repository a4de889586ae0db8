/* The order of the clips to record. */

function shuffled(items) {
  const mixed = [...items];
  for (let k = mixed.length - 1; k > 0; k -= 1) {
    const other = Math.floor(Math.random() * (k + 1));
    [mixed[k], mixed[other]] = [mixed[other], mixed[k]];
  }
  return mixed;
}

/* Returns every sign once in each round, in a new order, and none twice in a row where others are left. */
export function clipsToRecord(signs, repetitions) {
  const clips = [];
  for (let number = 1; number <= repetitions; number += 1) {
    const round = shuffled(signs.filter((sign) => sign.kept < number).map((sign) => sign.name));
    if (round.length > 1 && round[0] === clips.at(-1)?.sign) round.push(round.shift());
    clips.push(...round.map((sign) => ({ sign, number })));
  }
  return clips;
}
