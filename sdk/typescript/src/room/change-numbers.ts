/** Up to which number a room's changes are known, where some may come early. */
export class ChangeNumbers {
  #seq: number | undefined;
  #ahead = new Set<number>();

  /** Everything up to here is known. Undefined: nothing is. */
  get seq(): number | undefined {
    return this.#seq;
  }

  /** Whether something before what came is missing. */
  get hasGap(): boolean {
    return this.#ahead.size > 0;
  }

  /** One change came. */
  take(number: number): void {
    if (this.#seq !== undefined && number <= this.#seq) return;
    this.#ahead.add(number);
    this.#advance();
  }

  /** All changes up to `seq` are known; with `anew`, none other, whatever came. */
  reach(seq: number, anew: boolean): void {
    this.#seq = anew ? seq : Math.max(seq, this.#seq ?? 0);
    const known = anew ? Number.POSITIVE_INFINITY : this.#seq;
    this.#ahead = new Set([...this.#ahead].filter((number) => number > known));
    this.#advance();
  }

  #advance(): void {
    if (this.#seq === undefined) return;
    while (this.#ahead.delete(this.#seq + 1)) this.#seq += 1;
  }
}
