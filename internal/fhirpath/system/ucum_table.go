package system

import (
	"math/big"
	"strings"
	"sync"
)

// atoms returns the table of units, built once from unitTable and never modified afterwards.
var atoms = sync.OnceValue(buildAtoms)

// decimalPrefixes are UCUM's case-sensitive prefixes, with their powers of ten.
var decimalPrefixes = map[string]int{
	"Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1,
	"d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24,
}

// binaryPrefixes are UCUM's prefixes for powers of two.
var binaryPrefixes = map[string]int64{"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}

// prefix returns the factor that a prefix stands for.
func prefix(symbol string) (*big.Rat, bool) {
	if factor, ok := binaryPrefixes[symbol]; ok {
		return big.NewRat(factor, 1), true
	}
	exp, ok := decimalPrefixes[symbol]
	return ratPower(big.NewRat(10, 1), exp), ok
}

func buildAtoms() map[string]atom {
	table := make(map[string]atom, 320)
	for line := range strings.Lines(unitTable) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		a := atom{metric: f[1] == "*", factor: big.NewRat(1, 1)}
		if f[1] == "*" || f[1] == "-" {
			f = append(f[:1], f[2:]...)
		}
		switch len(f) {
		case 1: // a base unit, or an arbitrary one
			a.dims = []dimension{{f[0], 1}}
		default:
			a.factor.SetString(f[1])
			if len(f) > 2 {
				p := unitParser{text: f[2], atoms: table}
				u, ok := p.parse()
				if !ok {
					panic("system: the table of units is not in order at " + f[0])
				}
				a.factor.Mul(a.factor, u.factor)
				a.dims = u.dims
			}
			if len(f) > 3 {
				a.offset, _ = new(big.Rat).SetString(f[3])
			}
		}
		table[f[0]] = a
	}
	return table
}

// unitTable lists UCUM's units: symbol, * where prefixes are allowed (- where not), value, unit, and for units of
// temperature the offset: base = (value + offset) * factor. A symbol without a value is a base unit or an arbitrary
// unit, which is commensurable with itself only; so are the logarithmic units, whose functions are not provided.
// Every unit is defined by those above it.
const unitTable = `
m *
s *
g *
rad *
K *
C *
cd *
10* - 10
10^ - 10
[pi] - 3.1415926535897932384626433832795028841971693993751058209749445923
% - 0.01
[ppth] - 0.001
[ppm] - 0.000001
[ppb] - 0.000000001
[pptr] - 0.000000000001
mol * 6.0221367e23
sr * 1 rad2
Hz * 1 s-1
N * 1 kg.m/s2
Pa * 1 N/m2
J * 1 N.m
W * 1 J/s
A * 1 C/s
V * 1 J/C
F * 1 C/V
Ohm * 1 V/A
S * 1 Ohm-1
Wb * 1 V.s
Cel * 1 K 273.15
T * 1 Wb/m2
H * 1 Wb/A
lm * 1 cd.sr
lx * 1 lm/m2
Bq * 1 s-1
Gy * 1 J/kg
Sv * 1 J/kg
deg - 2 [pi].rad/360
gon - 0.9 deg
' - 1 deg/60
'' - 1 '/60
l * 1 dm3
L * 1 l
ar * 100 m2
min - 60 s
h - 60 min
d - 24 h
a_t - 365.24219 d
a_j - 365.25 d
a_g - 365.2425 d
a - 1 a_j
wk - 7 d
mo_s - 29.53059 d
mo_j - 1 a_j/12
mo_g - 1 a_g/12
mo - 1 mo_j
t * 1000 kg
bar * 100000 Pa
u * 1.6605402e-24 g
eV * 1.60217733e-19 J
AU - 149597.870691 Mm
pc * 3.085678e16 m
[c] * 299792458 m/s
[h] * 6.6260755e-24 J.s
[k] * 1.380658e-23 J/K
[eps_0] * 8.854187817e-12 F/m
[mu_0] * 1.2566370614359172953850573533118e-6 N/A2
[e] * 1.60217733e-19 C
[m_e] * 9.1093897e-28 g
[m_p] * 1.6726231e-24 g
[G] * 6.67259e-11 m3.kg-1.s-2
[g] * 9.80665 m/s2
atm - 101325 Pa
[ly] * 1 [c].a_j
gf * 1 g.[g]
Ky * 1 cm-1
Gal * 1 cm/s2
dyn * 1 g.cm/s2
erg * 1 dyn.cm
P * 1 dyn.s/cm2
Bi * 10 A
St * 1 cm2/s
Mx * 1e-8 Wb
G * 1e-4 T
Oe * 250 A/m/[pi]
Gb * 1 Oe.cm
sb * 1 cd/cm2
Lmb * 1 cd/cm2/[pi]
ph * 1e-4 lx
Ci * 3.7e10 Bq
R * 2.58e-4 C/kg
RAD * 100 erg/g
REM * 1 RAD
[in_i] - 2.54 cm
[ft_i] - 12 [in_i]
[yd_i] - 3 [ft_i]
[mi_i] - 5280 [ft_i]
[fth_i] - 6 [ft_i]
[nmi_i] - 1852 m
[kn_i] - 1 [nmi_i]/h
[sin_i] - 1 [in_i]2
[sft_i] - 1 [ft_i]2
[syd_i] - 1 [yd_i]2
[cin_i] - 1 [in_i]3
[cft_i] - 1 [ft_i]3
[cyd_i] - 1 [yd_i]3
[bf_i] - 144 [in_i]3
[cr_i] - 128 [ft_i]3
[mil_i] - 0.001 [in_i]
[cml_i] - 0.25 [pi].[mil_i]2
[hd_i] - 4 [in_i]
[ft_us] - 1200/3937 m
[yd_us] - 3 [ft_us]
[in_us] - 1 [ft_us]/12
[rd_us] - 16.5 [ft_us]
[ch_us] - 4 [rd_us]
[lk_us] - 1 [ch_us]/100
[rch_us] - 100 [ft_us]
[rlk_us] - 1 [rch_us]/100
[fth_us] - 6 [ft_us]
[fur_us] - 40 [rd_us]
[mi_us] - 8 [fur_us]
[acr_us] - 160 [rd_us]2
[srd_us] - 1 [rd_us]2
[smi_us] - 1 [mi_us]2
[sct] - 1 [mi_us]2
[twp] - 36 [sct]
[mil_us] - 0.001 [in_us]
[in_br] - 2.539998 cm
[ft_br] - 12 [in_br]
[rd_br] - 16.5 [ft_br]
[ch_br] - 4 [rd_br]
[lk_br] - 1 [ch_br]/100
[fth_br] - 6 [ft_br]
[pc_br] - 2.5 [ft_br]
[yd_br] - 3 [ft_br]
[mi_br] - 5280 [ft_br]
[nmi_br] - 6080 [ft_br]
[kn_br] - 1 [nmi_br]/h
[acr_br] - 4840 [yd_br]2
[gal_us] - 231 [in_i]3
[bbl_us] - 42 [gal_us]
[qt_us] - 1 [gal_us]/4
[pt_us] - 1 [qt_us]/2
[gil_us] - 1 [pt_us]/4
[foz_us] - 1 [gil_us]/4
[fdr_us] - 1 [foz_us]/8
[min_us] - 1 [fdr_us]/60
[crd_us] - 128 [ft_i]3
[bu_us] - 2150.42 [in_i]3
[gal_wi] - 1 [bu_us]/8
[pk_us] - 1 [bu_us]/4
[dqt_us] - 1 [pk_us]/8
[dpt_us] - 1 [dqt_us]/2
[tbs_us] - 1 [foz_us]/2
[tsp_us] - 1 [tbs_us]/3
[cup_us] - 16 [tbs_us]
[foz_m] - 30 mL
[cup_m] - 240 mL
[tsp_m] - 5 mL
[tbs_m] - 15 mL
[gal_br] - 4.54609 l
[pk_br] - 2 [gal_br]
[bu_br] - 4 [pk_br]
[qt_br] - 1 [gal_br]/4
[pt_br] - 1 [qt_br]/2
[gil_br] - 1 [pt_br]/4
[foz_br] - 1 [gil_br]/5
[fdr_br] - 1 [foz_br]/8
[min_br] - 1 [fdr_br]/60
[gr] - 64.79891 mg
[lb_av] - 7000 [gr]
[oz_av] - 1 [lb_av]/16
[dr_av] - 1 [oz_av]/16
[scwt_av] - 100 [lb_av]
[lcwt_av] - 112 [lb_av]
[ston_av] - 20 [scwt_av]
[lton_av] - 20 [lcwt_av]
[stone_av] - 14 [lb_av]
[pwt_tr] - 24 [gr]
[oz_tr] - 20 [pwt_tr]
[lb_tr] - 12 [oz_tr]
[sc_ap] - 20 [gr]
[dr_ap] - 3 [sc_ap]
[oz_ap] - 8 [dr_ap]
[lb_ap] - 12 [oz_ap]
[oz_m] - 28 g
[lne] - 1 [in_i]/12
[pnt] - 1 [lne]/6
[pca] - 12 [pnt]
[pnt_pr] - 0.013837 [in_i]
[pca_pr] - 12 [pnt_pr]
[pied] - 32.48 cm
[pouce] - 1 [pied]/12
[ligne] - 1 [pouce]/12
[didot] - 1 [ligne]/6
[cicero] - 12 [didot]
[degF] - 5/9 K 459.67
[degR] - 5/9 K
[degRe] - 5/4 K 218.52
cal_[15] * 4.18580 J
cal_[20] * 4.18190 J
cal_m * 4.19002 J
cal_IT * 4.1868 J
cal_th * 4.184 J
cal * 1 cal_th
[Cal] - 1 kcal_th
[Btu_39] - 1.05967 kJ
[Btu_59] - 1.05480 kJ
[Btu_60] - 1.05468 kJ
[Btu_m] - 1.05587 kJ
[Btu_IT] - 1.05505585262 kJ
[Btu_th] - 1.054350 kJ
[Btu] - 1 [Btu_th]
[lbf_av] - 1 [lb_av].[g]
[HP] - 550 [ft_i].[lbf_av]/s
tex * 1 g/km
[den] - 1 g/9/km
m[H2O] * 9.80665 kPa
m[Hg] * 133.3220 kPa
[in_i'H2O] - 1 m[H2O].[in_i]/m
[in_i'Hg] - 1 m[Hg].[in_i]/m
[PRU] - 1 mm[Hg].s/ml
[wood'U] - 1 mm[Hg].min/L
[diop] - 1 /m
[p'diop] -
%[slope] -
[mesh_i] - 1 /[in_i]
[Ch] - 1 mm/3
[drp] - 1 ml/20
[hnsf'U] - 1
[MET] - 3.5 mL/min/kg
[hp'_X] -
[hp'_C] -
[hp'_M] -
[hp'_Q] -
[hp_X] -
[hp_C] -
[hp_M] -
[hp_Q] -
[kp_X] -
[kp_C] -
[kp_M] -
[kp_Q] -
eq * 1 mol
osm * 1 mol
[pH] -
g% * 1 g/dl
[S] - 1e-13 s
[HPF] - 1
[LPF] - 100
kat * 1 mol/s
U * 1 umol/min
[iU] *
[IU] * 1 [iU]
[arb'U] -
[USP'U] -
[GPL'U] -
[MPL'U] -
[APL'U] -
[beth'U] -
[anti'Xa'U] -
[todd'U] -
[dye'U] -
[smgy'U] -
[bdsk'U] -
[ka'U] -
[knk'U] -
[mclg'U] -
[tb'U] -
[CCID_50] -
[TCID_50] -
[EID_50] -
[PFU] -
[FFU] -
[CFU] -
[IR] -
[BAU] -
[AU] -
[Amb'a'1'U] -
[PNU] -
[Lf] -
[D'ag'U] -
[FEU] -
[ELU] -
[EU] -
Np *
B *
B[SPL] *
B[V] *
B[mV] *
B[uV] *
B[10.nV] *
B[W] *
B[kW] *
st * 1 m3
Ao - 0.1 nm
b - 100 fm2
att - 1 kgf/cm2
mho * 1 S
[psi] - 1 [lbf_av]/[in_i]2
circ - 2 [pi].rad
sph - 4 [pi].sr
[car_m] - 0.2 g
[car_Au] - 1/24
[smoot] - 67 [in_i]
[m/s2/Hz^0.5] *
bit_s -
bit * 1
By * 8 bit
Bd * 1 /s
`
