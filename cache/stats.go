package cache

import "math"

// Stats are the statistics of a [Cache] since it was made, and its current size.
//
// The numbers of one Stats are of one moment and add up:
//
//	lookups = Hits + Misses
//	Misses  = Loads - Refreshes + Joined + misses of Get
//	Loads   = successful loads + LoadErrors + loads that still run
//	Size    = Stores - Replacements - Evictions - Expirations - Deletions
type Stats struct {
	Hits         int64 `json:"hits"`         // lookups answered from memory
	StaleHits    int64 `json:"stale_hits"`   // of Hits, those answered under Config.StaleFor
	Misses       int64 `json:"misses"`       // lookups not answered from memory
	Joined       int64 `json:"joined"`       // of Misses, those that waited for the load of another caller
	Loads        int64 `json:"loads"`        // loads started
	Refreshes    int64 `json:"refreshes"`    // of Loads, those started in the background for a stale entry
	LoadErrors   int64 `json:"load_errors"`  // loads that failed
	Stores       int64 `json:"stores"`       // values kept, by a load or by Set
	Replacements int64 `json:"replacements"` // of Stores, those that took the place of an entry
	TooLarge     int64 `json:"too_large"`    // values not kept because they exceed the budget
	Outdated     int64 `json:"outdated"`     // loaded values not kept because of an invalidation meanwhile
	Evictions    int64 `json:"evictions"`    // entries removed to stay within the budget
	Expirations  int64 `json:"expirations"`  // entries removed because of their age
	Deletions    int64 `json:"deletions"`    // entries removed by Delete, DeletePrefix, Purge, Close or an oversized Set
	Size         int64 `json:"size"`         // entries held
	Bytes        int64 `json:"bytes"`        // bytes accounted for the entries held
	MaxBytes     int64 `json:"max_bytes"`    // the budget; negative: none
	InFlight     int64 `json:"in_flight"`    // loads that still run

	// HitRatePercent is the percentage of lookups that were hits, rounded to one decimal; 0 before the first lookup.
	HitRatePercent float64 `json:"hit_rate_percent"`
}

func hitRatePercent(hits, misses int64) float64 {
	if hits+misses == 0 {
		return 0
	}
	return math.Round(float64(hits)*1000/float64(hits+misses)) / 10
}
