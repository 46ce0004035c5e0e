// The snapshots that the tests store. Every value occurs once, so that a page that mixes up two of them fails.

/** The library's day. It differs from the machine's, so that a page that reads its own clock fails. */
export const TODAY = "2025-09-23";
export const TOMORROW = "2025-09-24";
/** The contract's default. */
export const TTL_SECONDS = 90_000;

const MONTHS = [21_405, 23_118, 19_642, 8_077, 22_930, 25_561, 24_012, 26_784, 18_309, 9_456, 27_023, 20_198];
/** Rank and total: two share the second place. */
const RANKS = [[1, 90], [2, 71], [2, 71], [4, 66], [5, 52], [6, 41], [7, 33], [8, 27], [9, 14], [10, 5]] as const;

interface Row {
  rank: number;
  total: number;
  [field: string]: string | number | null;
}

/** Ten rows, with a letter and a hundred of their own; the name in the sixth row and the institution in the third are missing. */
function ranking(letter: string, hundred: number, columns: (row: number, text: (word: string) => string | null) => object): Row[] {
  return RANKS.map(([rank, total], index) => {
    const row = index + 1;
    const text = (word: string) => (row === 6 ? null : `${word} ${row} ${letter}`);
    return { rank, ...columns(row, text), total: 1_000 + 100 * hundred + total };
  });
}

const visitors = (letter: string, hundred: number) => ranking(letter, hundred, (row, text) => ({
  member_id: `000${row}`, member_name: text("Pengunjung"), institution: row === 3 ? null : `Fakultas ${row}`,
}));
const titles = (letter: string, hundred: number) => ranking(letter, hundred, (row, text) => ({ biblio_id: row, title: text("Judul") }));
const borrowers = (letter: string, hundred: number) => ranking(letter, hundred, (row, text) => ({
  member_id: `000${row}`, member_name: text("Peminjam"),
}));

/** `data` by Redis key, without the prefix. */
export const SERIES = {
  "visitors:weekly": [1_204, 987, 0, 1_311, 1_275, 640, 312].map((total, day) => ({ date: `2025-09-${17 + day}`, total, partial: day === 6 })),
  "visitors:monthly": MONTHS.map((total, index) => ({
    month: index < 3 ? `2024-${10 + index}` : `2025-0${index - 2}`, total, partial: index === 11,
  })),
  "visitors:yearly": [140_233, 98_761, 201_547, 263_908, 233_415].map((total, index) => ({ year: 2021 + index, total, partial: index === 4 })),
};
export const RANKINGS: Record<string, Row[]> = {
  "visitors:monthly:top": visitors("A", 1),
  "visitors:yearly:top": visitors("B", 2),
  "books:top-borrowed": titles("C", 3),
  "books:top-borrowed:month": titles("D", 4),
  "books:top-borrowed:year": titles("E", 5),
  "books:top-borrowers:month": borrowers("F", 6),
  "books:top-borrowers:year": borrowers("G", 7),
};
export const SNAPSHOTS: Record<string, unknown> = {
  ...SERIES, ...RANKINGS, "books:collection": { total_titles: 91_234, total_items: 183_127 },
};

export const isAboutPeople = (key: string): boolean => key.includes("top-borrowers") || (key.startsWith("visitors") && key.endsWith("top"));

/** The month or the year that a snapshot covers. */
export function periodOf(key: string): string | undefined {
  if (/:month$|monthly:top$/.test(key)) return "2025-09";
  return /:year$|yearly:top$/.test(key) ? "2025" : undefined;
}
