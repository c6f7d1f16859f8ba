/** OID of the Common Name: in a node's certificate the subnet name, set by the registry. */
export const COMMON_NAME = '2.5.4.3'
/** OID of the subject's serialNumber, set by the registry. */
export const SERIAL_NUMBER = '2.5.4.5'
/** OID of the country: two letters (RFC 5280, appendix A.1). */
export const COUNTRY = '2.5.4.6'

/**
 * The attributes that a node's subject may have, by OID, with OpenSSL's names: what people put into subjects, all of
 * them text. A registry signs no others.
 */
export const SUBJECT_ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
  [COMMON_NAME]: ['CN', 'commonName'],
  '2.5.4.4': ['SN', 'surname'],
  [SERIAL_NUMBER]: ['serialNumber'],
  [COUNTRY]: ['C', 'countryName'],
  '2.5.4.7': ['L', 'localityName'],
  '2.5.4.8': ['ST', 'stateOrProvinceName'],
  '2.5.4.9': ['street', 'streetAddress'],
  '2.5.4.10': ['O', 'organizationName'],
  '2.5.4.11': ['OU', 'organizationalUnitName'],
  '2.5.4.12': ['title'],
  '2.5.4.13': ['description'],
  '2.5.4.15': ['businessCategory'],
  '2.5.4.17': ['postalCode'],
  '2.5.4.41': ['name'],
  '2.5.4.42': ['GN', 'givenName'],
  '2.5.4.43': ['initials'],
  '2.5.4.44': ['generationQualifier'],
  '2.5.4.46': ['dnQualifier'],
  '2.5.4.65': ['pseudonym'],
  '1.2.840.113549.1.9.1': ['emailAddress'],
  '1.2.840.113549.1.9.2': ['unstructuredName'],
  '0.9.2342.19200300.100.1.1': ['UID', 'userId'],
  '0.9.2342.19200300.100.1.25': ['DC', 'domainComponent'],
}
