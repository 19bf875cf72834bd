package org.turboesm.engine;

/**
 * What an open engine is made of.
 *
 * @param engine its name
 * @param precision of its linear layers
 * @param description the kernels it runs and their width, for people
 */
public record EngineCapabilities(String engine, Precision precision, String description) {}
