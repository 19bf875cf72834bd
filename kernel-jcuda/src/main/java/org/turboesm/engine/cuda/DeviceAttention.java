package org.turboesm.engine.cuda;

/**
 * How a pass attends: over the batch itself, through a packed cache, or to caches that outlive the
 * pass. The pass is the same around it.
 */
@FunctionalInterface
interface DeviceAttention {

  /**
   * Queues the attention of one layer, from projections to {@link Workspace#attended}. Queries,
   * keys and values as the model has them are left in the workspace too, where {@code observed}.
   */
  void attend(Lane lane, int layer, Projections projections, Workspace workspace, boolean observed);
}
