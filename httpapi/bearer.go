package httpapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash"
	"strings"
	"time"
)

// What can be wrong with a bearer token. The texts are those of InfluxDB 1.x.
var (
	errInvalidToken     = errors.New("invalid token")
	errTokenExpired     = errors.New("Token is expired")       //lint:ignore ST1005 clients know this text
	errTokenEarly       = errors.New("Token is not valid yet") //lint:ignore ST1005 clients know this text
	errTokenEndless     = errors.New("token expiration required")
	errTokenNameType    = errors.New("username in token must be a string")
	errTokenWithoutName = errors.New("token must contain a username")
	errBearerDisabled   = errors.New("bearer auth disabled")
)

// tokenMACs are the algorithms that a token may be signed with. That they are all keyed hashes is what keeps a token
// from choosing how it is verified.
var tokenMACs = map[string]func() hash.Hash{"HS256": sha256.New, "HS384": sha512.New384, "HS512": sha512.New}

// tokenUser verifies a JSON Web Token and returns the name of the user that it stands for.
func tokenUser(token string, secret []byte, now time.Time) (string, error) {
	signed, signature, ok := cutLast(token, '.')
	head, payload, two := strings.Cut(signed, ".")
	if !ok || !two || strings.Contains(payload, ".") {
		return "", errInvalidToken
	}
	var header struct {
		Alg  string          `json:"alg"`
		Crit json.RawMessage `json:"crit"` // names extensions that must be understood; none is
	}
	if err := decodeTokenPart(head, &header); err != nil || header.Crit != nil {
		return "", errInvalidToken
	}
	newHash, known := tokenMACs[header.Alg]
	mac, err := base64.RawURLEncoding.Strict().DecodeString(signature)
	if !known || err != nil {
		return "", errInvalidToken
	}
	want := hmac.New(newHash, secret)
	want.Write([]byte(signed))
	if !hmac.Equal(mac, want.Sum(nil)) {
		return "", errInvalidToken
	}
	var claims map[string]any
	if err := decodeTokenPart(payload, &claims); err != nil {
		return "", errInvalidToken
	}
	return claimedUser(claims, float64(now.UnixNano())/1e9)
}

// claimedUser checks the claims of a token whose signature is right.
func claimedUser(claims map[string]any, now float64) (string, error) {
	expires, ok := claims["exp"].(float64)
	if !ok || expires <= 0 {
		return "", errTokenEndless
	}
	if now >= expires {
		return "", errTokenExpired
	}
	if from, given := claims["nbf"]; given {
		if from, ok := from.(float64); !ok || now < from {
			return "", errTokenEarly
		}
	}
	name, ok := claims["username"].(string)
	switch {
	case !ok:
		return "", errTokenNameType
	case name == "":
		return "", errTokenWithoutName
	}
	return name, nil
}

func decodeTokenPart(part string, into any) error {
	b, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	i := strings.LastIndexByte(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
