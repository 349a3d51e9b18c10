package main

import "fmt"

// didYouMean returns "; did you mean NAME?" with the known name that is nearest
// to what was written, prefix in front of it, and nothing where none is near.
func didYouMean(got string, known []string, prefix string) string {
	nearest, best := "", max(len(got), 2)/2+1
	for _, name := range known {
		if d := editDistance(got, name); d < best {
			nearest, best = name, d
		}
	}
	if nearest == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s%s?", prefix, nearest)
}

// editDistance counts the bytes to insert, delete or replace on the way from a
// to b (Levenshtein, 1966), two neighbours swapped counting as one.
func editDistance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			rows[i][j] = min(change, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
