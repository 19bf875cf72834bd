package org.turboesm.engine;

/** How a decode session keeps keys and values. */
public enum KvPrecision {
  /** Packed by the codec. */
  PACKED,
  /** As floats: what the packed cache is measured against. */
  FULL
}
